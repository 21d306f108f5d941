// The table of the article that this package answers: requests per second, memory, start and cold start of
// one framework beside the other. It is made of the results of this run, column by column.
import type { Result } from '../summarize.js';
import { table } from './markdown.js';
import type { Report } from './report.js';

/** The rows of the article, by the beginnings of the names that they have here. */
const ROWS = ['Hyperlane', 'Spring Boot', 'Express', 'FastAPI', 'Gin'];
const NO_PEER = 'it is not among the peers of this run';

/** Empty when the run measured no starts. */
export function articleTable(report: Report): string[] {
  if (report.starts.length === 0) return [];
  const head = ['server', 'QPS', 'memory idle, MiB', 'memory under load, MiB', 'start, ms', 'cold start, ms'];
  const once = report.starts.filter(({ server }) => server !== report.roles.double);
  const measured = once.map(({ server, firstResponseMs, coldMs, idlePssMiB }) => {
    const plaintext = report.results.find(
      (row) => row.server === server && row.shape === 'plaintext' && row.fields === 'bare',
    );
    return [
      server,
      plaintext?.perSecond.median.toFixed(0) ?? '-',
      idlePssMiB.median.toFixed(1),
      largest(report.results.filter((row) => row.server === server)),
      firstResponseMs.median.toFixed(0),
      coldMs?.median.toFixed(0) ?? '-',
    ];
  });
  const rest = ROWS.filter((name) => !report.starts.some(({ server }) => server.startsWith(name)));
  const notes = rest.map((name) => {
    const known = report.notMeasured.find(({ server }) => server.startsWith(name));
    return `- ${name}: not measured: ${known?.reason.replaceAll('\n', ' ') ?? NO_PEER}`;
  });
  const text = [
    '## The table of the article',
    'QPS are requests/s of plaintext with a Host field alone, on cores that are shared with the load tool.',
    'Memory is PSS of all processes. Start is from the start of the process to its first 200; cold start is',
    'the same with an empty page cache.',
    '',
    table(head, measured),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ];
  return [`${text[0]}\n\n${text.slice(1).join('\n')}`];
}

function largest(rows: readonly Result[]): string {
  const values = rows.flatMap(({ samples }) => samples.map(({ pssMiB }) => pssMiB));
  return values.length === 0 ? '-' : Math.max(...values).toFixed(1);
}
