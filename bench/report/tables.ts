// Writes the report as Markdown: an overview of ratios, the table of the article, then every shape.
import { SHAPES } from '../shapes/shapes.js';
import type { Result } from '../summarize.js';
import { articleTable } from './article.js';
import { range, table } from './markdown.js';
import type { Report } from './report.js';

/** From here on the requests/s are those of the load tool and not of the server. */
const SATURATED = 0.9;
/** From here on the failed requests of a row are too many for its CPU time per completed request. */
const DOUBTFUL = 0.01;

export function markdown(report: Report): string {
  const sections = [
    heading(report),
    ...overview(report),
    ...articleTable(report),
    ...memory(report),
    ...shapesOf(report),
    ...missing(report),
  ];
  return `${sections.join('\n\n')}\n`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function heading({ date, machine, options, noise, roles }: Report): string {
  const { cpu, cores, memoryMiB, kernel, node, commit } = machine;
  const { tool, rounds, duration, connections, workers } = options;
  return `# Benchmark of ${date}

${cpu}, ${cores} cores shared with the load tool, ${memoryMiB} MiB, Linux ${kernel}, Node ${node},
commit ${commit ?? 'unknown'}; ${tool}, ${rounds} rounds of ${duration} s, ${connections} connections, ${workers} workers a server.
Median (min..max) of the calm rounds. Ratios are of CPU time per request to ${roles.baseline} in the same round; ${
    noise === null ? 'the noise is unknown' : `a distance from 1 of up to ${percent(noise)} is noise`
  }.`;
}

/** The ratio of every server in every shape, one table for each set of header fields. */
function overview({ results }: Report): string[] {
  return [...new Set(results.map(({ fields }) => fields))].map((fields) => {
    const rows = results.filter((row) => row.fields === fields);
    const shapes = [...new Set(rows.map(({ shape }) => shape))];
    const servers = [...new Set(rows.map(({ server }) => server))];
    const cell = (server: string, shape: string): string => {
      const row = rows.find((one) => one.server === server && one.shape === shape);
      return row === undefined
        ? '-'
        : `${row.ratio.median.toFixed(2)}${row.failedShare > DOUBTFUL ? '!' : ''}`;
    };
    const body = servers.map((server) => [server, ...shapes.map((shape) => cell(server, shape))]);
    const isDoubtful = rows.some(({ failedShare }) => failedShare > DOUBTFUL);
    const note = isDoubtful
      ? '\n\n! More than 1 % of the requests failed, and the rest is charged with them.'
      : '';
    const title = fields === 'bare' ? 'Host field alone' : 'the fields of a browser behind a proxy';
    return `## CPU time per request in relation to raw: ${title}\n\n${table(['server', ...shapes], body)}${note}`;
  });
}

function memory({ starts, idle }: Report): string[] {
  const sections: string[] = [];
  if (starts.length > 0) {
    const head = ['server', 'first 200 on', 'start to it, ms', 'cold, ms', 'idle PSS, MiB', 'idle CPU'];
    const body = starts.map(({ server, path, firstResponseMs, coldMs, idlePssMiB, idleCpuShare }) => [
      server,
      path,
      range(firstResponseMs, 0),
      coldMs === undefined ? '-' : range(coldMs, 0),
      range(idlePssMiB, 1),
      percent(idleCpuShare.median),
    ]);
    sections.push(`## Start and memory\n\n${table(head, body, 2)}`);
  }
  if (idle.length > 0) {
    const head = ['server', 'open', 'closed by it', 'PSS before, MiB', 'with them, MiB', 'KiB each'];
    const body = idle.map(({ server, open, closed, beforeMiB, withMiB }) => [
      server,
      `${open}`,
      `${closed}`,
      beforeMiB.toFixed(1),
      withMiB.toFixed(1),
      open === 0 ? '-' : (((withMiB - beforeMiB) * 1024) / open).toFixed(2),
    ]);
    sections.push(`## Idle connections\n\n${table(head, body)}`);
  }
  return sections;
}

function shapesOf({ results }: Report): string[] {
  return SHAPES.flatMap(({ name, text }) => {
    const rows = results.filter(({ shape }) => shape === name);
    return rows.length === 0 ? [] : [`## ${name}: ${text}\n\n${shapeTable(rows)}`];
  });
}

function shapeTable(rows: readonly Result[]): string {
  const head = [
    ...['server', 'fields', 'CPU us/request', 'ratio to raw', 'of it user, us', 'requests/s'],
    ...['p50 ms', 'p99 ms', 'PSS, MiB', 'failed'],
  ];
  const body = rows.map((row) => [
    row.server,
    row.fields,
    range(row.cpuUs, 2),
    range(row.ratio, 2),
    range(row.userUs, 2),
    `${range(row.perSecond, 0)}${row.generatorShare.median >= SATURATED ? '*' : ''}`,
    // Without a latency the server sets the pace.
    ...[row.p50Ms, row.p99Ms].map((latency) => (latency.max === 0 ? '-' : range(latency, 2))),
    row.pssMiB.max.toFixed(1),
    `${row.failed}`,
  ]);
  const isSaturated = body.some((cells) => cells[5]!.endsWith('*'));
  const note = isSaturated ? '\n\n\\* The load tool used its whole core: the server could do more.' : '';
  return `${table(head, body, 2)}${note}`;
}

function missing({ notMeasured }: Report): string[] {
  if (notMeasured.length === 0) return [];
  const rows = notMeasured.map(({ server, reason }) => [
    server,
    `not measured: ${reason.replaceAll('\n', ' ').replaceAll('|', '\\|')}`,
  ]);
  return [`## Not measured\n\n${table(['server', 'reason'], rows, 2)}`];
}
