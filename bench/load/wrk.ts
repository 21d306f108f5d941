// Runs wrk (github.com/wg/wrk) with one thread, which uses about one core and leaves the other to the server.
import { capture } from '../process/capture.js';
import type { LoadResult, LoadTool } from './load.js';

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

export const wrk: LoadTool = {
  name: 'wrk',
  async run({ url, connections, seconds, signal }) {
    const flags = ['--threads', '1', '--connections', `${connections}`, '--duration', `${seconds}s`];
    return parse(await capture('wrk', [...flags, '--timeout', '10s', '--latency', url], signal));
  },
};

/** Parses a report of wrk. @throws Error when the text is no such report */
export function parse(report: string): LoadResult {
  const requests = Number(field(report, /(\d+) requests in/));
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1] ?? 0);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report);
  const errors = broken === null ? 0 : broken.slice(1).reduce((sum, text) => sum + Number(text), 0);
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
