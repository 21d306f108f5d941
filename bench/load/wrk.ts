// Runs wrk (github.com/wg/wrk) with one thread, which uses about one core and leaves the other to the server.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capture } from '../process/capture.js';
import type { LoadRequest, LoadResult, LoadTool } from './load.js';

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };
const SCRIPT = fileURLToPath(new URL('./wrk.lua', import.meta.url));

export const wrk: LoadTool = {
  name: 'wrk',
  version: () => wrkVersion(spawnSync('wrk', ['--version'], { encoding: 'utf8' }).stdout),
  async run(request) {
    const { window, signal, shape } = request;
    const folder = mkdtempSync(join(tmpdir(), 'multilane-wrk-'));
    try {
      const bodyFile = shape.body === undefined ? undefined : join(folder, 'body.json');
      if (bodyFile !== undefined) writeFileSync(bodyFile, shape.body!);
      const args = flags(request, bodyFile);
      window.begin();
      const report = await capture('wrk', args, signal);
      window.end();
      return parse(report, shape.isShort);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** The version in what `wrk --version` prints. */
export const wrkVersion = (text: string): string | undefined => /^wrk (\S+)/.exec(text)?.[1];

/** The arguments of wrk. @param bodyFile a file with the body, if the shape has one */
export function flags(
  { url, shape, fields, connections, seconds }: LoadRequest,
  bodyFile: string | undefined,
): readonly string[] {
  return [
    ...['--threads', '1', '--connections', `${connections}`, '--duration', `${seconds}s`],
    ...['--timeout', '10s', '--latency', '--script', SCRIPT],
    ...Object.entries(fields).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    ...[url + shape.path, '--', bodyFile === undefined ? 'GET' : 'POST', `${shape.pipeline ?? 1}`],
    ...(bodyFile === undefined ? [] : [bodyFile]),
  ];
}

/**
 * Parses a report of wrk.
 * @param isShort the server closes every connection. Where its response does not announce that, wrk counts
 *   the end of the connection as an error of reading, although the response was complete.
 * @throws Error when the text is no such report
 */
export function parse(report: string, isShort = false): LoadResult {
  const requests = Number(field(report, /(\d+) requests in/));
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1] ?? 0);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report);
  const [connect = 0, read = 0, write = 0, timeout = 0] = broken?.slice(1).map(Number) ?? [];
  const errors = connect + (isShort ? 0 : read) + write + timeout;
  return {
    completed: requests - refused,
    failed: refused + errors,
    perSecond: Number(field(report, /Requests\/sec:\s+([\d.]+)/)),
    p50Ms: percentile(report, 50),
    p99Ms: percentile(report, 99),
  };
}

function percentile(report: string, rank: number): number {
  const [, value, unit] = new RegExp(`\\s${rank}%\\s+([\\d.]+)(us|ms|s|m)`).exec(report) ?? [];
  const scale = UNIT_MS[unit ?? ''];
  if (scale === undefined) throw new Error(`wrk: no ${rank}th percentile in its report:\n${report}`);
  return Number(value) * scale;
}

function field(report: string, pattern: RegExp): string {
  const found = pattern.exec(report)?.[1];
  if (found === undefined) throw new Error(`wrk: ${pattern.source} not found in its report:\n${report}`);
  return found;
}
