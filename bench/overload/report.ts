// The tables that `npm run bench:overload` prints, in Markdown.
import type { RunResult } from './runs.js';

const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`;
const ms = (value: number): string => value.toFixed(0);

/** A share as text. A share above 0 is never shown as 0. */
export const refusedText = ({ refusals, refused }: { refusals: number; refused: number }): string =>
  refusals === 0 ? '0' : refused < 0.0001 ? `${refusals} requests` : percent(refused, 2);

export function mainTable(results: readonly RunResult[]): string {
  const lines = results.map(({ result, latencyRatio, settledRatio, refusedAfterMs, ...run }) =>
    [
      '',
      run.title,
      String(run.workers),
      run.load,
      refusedText(result),
      run.isOverload ? percent(result.goodput, 0) : '',
      ms(result.p50Ms),
      ms(result.p99Ms),
      latencyRatio.toFixed(1),
      settledRatio.toFixed(1),
      result.refusals === 0 ? '' : ms(result.refusalP99Ms),
      result.refusals === 0 ? '' : ms(refusedAfterMs),
      '',
    ].join(' | '),
  );
  return [
    '| shape | workers | load | refused | goodput | p50 ms | p99 ms | p99 by unloaded | settled | refusal p99 ms | refused after, ms |',
    '| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines.map((line) => line.trim()),
  ].join('\n');
}

export function routeTable(results: readonly RunResult[]): string {
  const lines = results.map(({ title, load, result }) => {
    const routes = result.routes.map(
      ({ name, refused, p99Ms }) => `${name}: ${percent(refused, 2)}, ${ms(p99Ms)} ms`,
    );
    return `| ${title} | ${load} | ${routes.join('; ')} |`;
  });
  return ['| shape | load | refused and p99 of each route |', '| --- | --- | --- |', ...lines].join('\n');
}

/** @param rows the results of a run, one for each rule */
export function comparison(rules: readonly string[], rows: readonly (readonly RunResult[])[]): string {
  const cell = ({ isOverload, result, latencyRatio }: RunResult): string =>
    isOverload
      ? `${percent(result.goodput, 0)}, ${latencyRatio.toFixed(1)} x`
      : `${refusedText(result)} refused`;
  return [
    `| run | ${rules.join(' | ')} |`,
    `| --- | ${rules.map(() => '---:').join(' | ')} |`,
    ...rows.map(
      (results) => `| ${results[0]!.title}, ${results[0]!.load} | ${results.map(cell).join(' | ')} |`,
    ),
  ].join('\n');
}
