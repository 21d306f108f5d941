// Checks and parses a page of metrics in the text format of Prometheus.
// https://prometheus.io/docs/instrumenting/exposition_formats/
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';

export interface PageSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Marks a test as pending when promtool is not installed. */
export function requirePromtool(context: Mocha.Context, marked: Mocha.Test | Mocha.Suite): void {
  if (spawnSync('promtool', ['--version']).error === undefined) return;
  marked.title += ' (pending: promtool is not installed)';
  context.skip();
}

/** The complaints of `promtool check metrics` about a page. */
export function complaints(page: string): string {
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  });
  const said = stdout + stderr;
  expect(status === 0, said).to.equal(said === '');
  return said;
}

const SAMPLE = /^(?<name>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/s;
const LABEL = /(?<name>\w+)="(?<value>(?:[^"\\]|\\.)*)",?/gs;
const ESCAPED: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

/** @throws AssertionError for a line that is no sample */
export function samplesOf(page: string): PageSample[] {
  return page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const { name, labels = '', value } = SAMPLE.exec(line)?.groups ?? expect.fail(`no sample: ${line}`);
      const read = [...labels.matchAll(LABEL)].map(({ groups }) => [
        groups!.name!,
        groups!.value!.replaceAll(/\\./gs, (escaped) => ESCAPED[escaped]!),
      ]);
      return {
        name: name!,
        labels: Object.fromEntries(read),
        value: Number(value!.replace('Inf', 'Infinity')),
      };
    });
}

/** Duplicate names, and samples that do not follow their family. Both make a page invalid. */
export function misplaced(page: string): string[] {
  const seen = new Set<string>();
  const wrong: string[] = [];
  let family = '';
  for (const line of page.split('\n')) {
    const [, stated] = /^# TYPE (\S*) /.exec(line) ?? [];
    if (stated !== undefined) {
      family = stated;
      if (seen.has(family)) wrong.push(line);
      seen.add(family);
      continue;
    }
    const [name = ''] = /^\w+/.exec(line) ?? [];
    if (name !== '' && !/^(?:_total|_bucket|_sum|_count)?$/.test(name.slice(family.length))) wrong.push(line);
    if (name !== family && seen.has(name)) wrong.push(line);
  }
  return wrong;
}
