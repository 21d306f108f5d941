// Runs autocannon (github.com/mcollina/autocannon) in its own process: as a library it would share its event
// loop and CPU time with the harness. It saturates near 50,000 requests/s and measures latency in whole
// milliseconds.
import { createRequire } from 'node:module';
import { capture } from '../process/capture.js';
import type { LoadResult, LoadTool } from './load.js';

interface Report {
  readonly '2xx': number;
  readonly non2xx: number;
  readonly errors: number;
  readonly requests: { readonly average: number };
  readonly latency: { readonly p50: number; readonly p99: number };
}

export const autocannon: LoadTool = {
  name: 'autocannon',
  async run({ url, connections, seconds, signal }) {
    const cli = createRequire(import.meta.url).resolve('autocannon');
    const flags = ['--json', '--no-progress', '-c', `${connections}`, '-d', `${seconds}`];
    return parse(await capture(process.execPath, [cli, ...flags, url], signal));
  },
};

export function parse(text: string): LoadResult {
  const report = JSON.parse(text) as Report;
  return {
    completed: report['2xx'],
    failed: report.non2xx + report.errors,
    perSecond: report.requests.average,
    p50Ms: report.latency.p50,
    p99Ms: report.latency.p99,
  };
}
