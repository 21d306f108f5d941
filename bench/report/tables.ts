// Writes the report as Markdown: an overview of ratios, the table of the article, then every shape.
import { SHAPES } from '../shapes/shapes.js';
import type { Result } from '../summarize.js';
import { articleTable } from './article.js';
import { range, table } from './markdown.js';
import { failureMark, notesOn, saturationMark } from './marks.js';
import type { Report, RunOptions } from './report.js';

export function markdown(report: Report): string {
  const sections = [
    heading(report),
    ...overview(report),
    ...articleTable(report),
    ...memory(report),
    ...shapesOf(report),
    ...versions(report),
    ...missing(report),
  ];
  return `${sections.join('\n\n')}\n`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The load tool with its version. */
export const toolText = ({ tool, toolVersion }: Pick<RunOptions, 'tool' | 'toolVersion'>): string =>
  toolVersion === null ? tool : `${tool} ${toolVersion}`;

function heading({ date, machine, command, options, noise, roles }: Report): string {
  const { cpu, cores, memoryMiB, kernel, node, commit } = machine;
  const { rounds, duration, connections, workers, starts, idle, shapes, fields, servers } = options;
  return `# Benchmark of ${date}

\`${command}\`

${cpu}, ${cores} cores shared with the load tool, ${memoryMiB} MiB, Linux ${kernel}, Node ${node},
commit ${commit ?? 'unknown'}; ${toolText(options)}, ${rounds} rounds of ${duration} s, ${connections} connections, ${workers} workers a server;
${starts} starts, ${idle} idle connections; shapes ${shapes.join(', ')}; fields ${fields.join(', ')}; servers ${servers.join(', ') || 'all'}.
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
      return row === undefined ? '-' : `${row.ratio.median.toFixed(2)}${failureMark(row)}`;
    };
    const body = servers.map((server) => [server, ...shapes.map((shape) => cell(server, shape))]);
    const note = notesOn(rows.map((row) => failureMark(row)));
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
    `${range(row.perSecond, 0)}${saturationMark(row)}`,
    // Without a latency the server sets the pace.
    ...[row.p50Ms, row.p99Ms].map((latency) => (latency.max === 0 ? '-' : range(latency, 2))),
    row.pssMiB.max.toFixed(1),
    `${row.failed}`,
  ]);
  return `${table(head, body, 2)}${notesOn(rows.map(saturationMark))}`;
}

/** The versions of the servers, where they are known. */
export function versions({ servers }: Pick<Report, 'servers'>): string[] {
  const rows = servers.map((server) => [server.name, server.versions.join(', ') || '-']);
  return rows.length === 0 ? [] : [`## Versions\n\n${table(['server', 'versions'], rows, 2)}`];
}

export function missing({ notMeasured }: Pick<Report, 'notMeasured'>): string[] {
  if (notMeasured.length === 0) return [];
  const rows = notMeasured.map(({ server, reason }) => [
    server,
    `not measured: ${reason.replaceAll('\n', ' ').replaceAll('|', '\\|')}`,
  ]);
  return [`## Not measured\n\n${table(['server', 'reason'], rows, 2)}`];
}
