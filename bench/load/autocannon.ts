// Runs autocannon (github.com/mcollina/autocannon) in its own process: as a library it would share its event
// loop and CPU time with the harness. It saturates near 50,000 requests/s and measures latency in whole
// milliseconds.
import { createRequire } from 'node:module';
import { capture } from '../process/capture.js';
import type { LoadRequest, LoadResult, LoadTool } from './load.js';

interface Report {
  readonly '2xx': number;
  readonly non2xx: number;
  readonly errors: number;
  readonly requests: { readonly average: number };
  readonly latency: { readonly p50: number; readonly p99: number };
}

const require = createRequire(import.meta.url);

export const autocannon: LoadTool = {
  name: 'autocannon',
  version: () => (require('autocannon/package.json') as { version: string }).version,
  async run(request) {
    const cli = require.resolve('autocannon');
    request.window.begin();
    const report = await capture(process.execPath, [cli, ...flags(request)], request.signal);
    request.window.end();
    return parse(report);
  },
};

/**
 * The arguments of autocannon. Its flag for a new connection per request is not used: it drops the last
 * response of each connection. The server closes the connection, and autocannon opens the next one.
 */
export function flags({ url, shape, fields, connections, seconds }: LoadRequest): readonly string[] {
  const all = shape.body === undefined ? fields : { ...fields, 'Content-Type': 'application/json' };
  return [
    ...['--json', '--no-progress', '--connections', `${connections}`, '--duration', `${seconds}`],
    ...['--pipelining', `${shape.pipeline ?? 1}`],
    ...(shape.body === undefined ? [] : ['--method', 'POST', '--body', shape.body]),
    ...Object.entries(all).flatMap(([name, value]) => ['--headers', `${name}=${value}`]),
    url + shape.path,
  ];
}

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
