// Writes the report as Markdown, which is also readable in a terminal.
import type { Spread } from '../statistics.js';
import type { Report } from './report.js';

const RIGHT = '---:';

export function markdown(report: Report): string {
  const { date, machine, options, results, starts } = report;
  const set = `${options.rounds} rounds of ${options.duration} s, ${options.connections} keep-alive connections`;
  return [
    `# Benchmark of ${date}`,
    '',
    `${machine.cpu}, ${machine.cores} cores shared with the generator, Linux ${machine.kernel}, Node ${machine.node};`,
    `${options.tool}, ${set}, ${options.workers} worker threads a server. Median (min..max).`,
    '',
    table(
      [
        'route',
        'server',
        'CPU us/request',
        'ratio to raw',
        'of it user, us',
        'requests/s',
        'p50 ms',
        'p99 ms',
        'failed',
      ],
      results.map((result) => [
        result.scenario,
        result.server,
        figure(result.cpuUs, 2),
        figure(result.ratio, 2),
        figure(result.userUs, 2),
        figure(result.perSecond, 0),
        figure(result.p50Ms, 2),
        figure(result.p99Ms, 2),
        `${result.failed}`,
      ]),
    ),
    '',
    table(
      ['', 'server', 'start to ready, ms', 'idle PSS, MiB'],
      starts.map((start) => ['', start.server, start.startMs.toFixed(0), start.idlePssMiB.toFixed(0)]),
    ),
    '',
  ].join('\n');
}

const figure = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`;

/** The first two columns contain words, the others numbers. */
function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const rows = [head, ...body];
  const widths = head.map((_, column) => Math.max(4, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join(' | ')} |`;
  const rule = `| ${widths
    .map((width, column) => (column < 2 ? '-'.repeat(width) : RIGHT.padStart(width, '-')))
    .join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}
