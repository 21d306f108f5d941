// `multilane bench URL`: sends requests as fast as they are responded to, and prints what was measured.
import { type Command, InvalidArgumentError } from 'commander';
import { filled } from '../../config/print.js';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { WrongUsage } from '../command-failure.js';
import type { LoadOptions, LoadResult } from '../load-generator.js';
import { type OutputOptions, print, printJson, tableOf, withJson } from '../output.js';
import type { CpuReading } from '../process-cpu.js';

interface BenchOptions extends AdminOptions, OutputOptions {
  readonly connections: number;
  readonly duration: number;
  readonly pipelining: number;
  readonly method?: string;
  readonly header: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly allowRemote?: true;
}

export function benchCommand(program: Command): void {
  withJson(withAdmin(program.command('bench <url>')))
    .description('measure requests per second and latency of a URL on this machine')
    .option('--connections <number>', 'open connections', countIn(10_000), 10)
    .option('--duration <seconds>', 'length of the measurement in seconds', countIn(3_600), 10)
    .option('--pipelining <number>', 'requests in flight on each connection', countIn(1_000), 1)
    .option('--method <method>', 'HTTP method; default: GET, or POST with --body')
    .option('--header <name:value>', 'header field; may be repeated', addHeader, {})
    .option('--body <text>', 'body of each request')
    .option('--allow-remote', 'send requests to another machine; only to one that is yours')
    .action(bench);
}

const countIn =
  (most: number) =>
  (text: string): number => {
    const count = Number(text);
    if (Number.isInteger(count) && count >= 1 && count <= most) return count;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };

function addHeader(
  text: string,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("It is like 'accept: application/json'.");
  return { ...headers, [name.toLowerCase()]: value! };
}

async function bench(text: string, options: BenchOptions): Promise<void> {
  const url = targetOf(text, options.allowRemote === true);
  const { connections, duration, pipelining, header: headers, body } = options;
  const method = options.method?.toUpperCase() ?? (body === undefined ? 'GET' : 'POST');
  const load: LoadOptions = { url: url.href, connections, duration, pipelining, method, headers, body };
  const { autocannonFor, runLoad } = await import('../load-generator.js');
  const autocannon = await autocannonFor(process.cwd());
  const { readCpu, cpuPerRequest } = await import('../process-cpu.js');
  const plane = isLoopback(url) ? await planeOf(options) : undefined;
  const before = plane && (await readCpu(plane));
  const report = progressTo(load);
  const result = await runLoad(autocannon, load, (perSecond) => report.tick(perSecond));
  report.end();
  const after = before && plane && (await readCpu(plane));
  const cpuUs = before && after && cpuPerRequest(before, after as CpuReading, result.requests.total);
  const notes = notesOn(url, result, cpuUs);
  await (options.json
    ? printJson(jsonOf(load, result, cpuUs, notes))
    : print(linesOf(load, result, cpuUs, notes)));
  if (result.requests.total === 0) process.exitCode = 1;
}

/** The admin plane that is named, or that of the project in this folder; undefined: there is none to ask. */
async function planeOf(options: AdminOptions): Promise<AdminClient | undefined> {
  try {
    return await adminPlane(options);
  } catch (error) {
    if (options.admin === undefined && options.tokenFile === undefined && options.config === undefined) {
      return undefined;
    }
    throw error;
  }
}

function targetOf(text: string, allowsRemote: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new WrongUsage(`${JSON.stringify(text)} is not like http://127.0.0.1:8080/hello/Ada`);
  }
  if (!allowsRemote && !isLoopback(url)) {
    throw new WrongUsage(
      `${url.hostname} is not this machine: load on a server of others is an attack; --allow-remote permits it`,
    );
  }
  return url;
}

const isLoopback = ({ hostname }: URL): boolean =>
  /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);

/** Reports on stderr what is going on: every second on a terminal, otherwise once. */
function progressTo({ url, connections, duration }: LoadOptions): {
  tick(perSecond: number): void;
  end(): void;
} {
  const { stderr } = process;
  stderr.write(`multilane: ${duration} s of requests to ${url} over ${connections} connections\n`);
  let seconds = 0;
  return {
    tick(perSecond) {
      seconds += 1;
      if (stderr.isTTY) stderr.write(`\r\x1b[K${seconds} of ${duration} s, ${perSecond} requests/s`);
    },
    end() {
      if (stderr.isTTY) stderr.write('\r\x1b[K');
    },
  };
}

function notesOn(
  url: URL,
  { requests, errors, timeouts }: LoadResult,
  cpuUs: number | undefined,
): readonly string[] {
  return [
    ...(isLoopback(url)
      ? [
          'The load generator runs on the same machine and takes CPU time from the server: a measurement of its own needs another machine.',
        ]
      : []),
    ...(requests.total === 0 ? ['There was no response: does the server run?'] : []),
    ...(errors + timeouts > 0 ? ['Requests have failed, so the numbers describe no healthy server.'] : []),
    ...(isLoopback(url) && cpuUs === undefined
      ? [
          'CPU per request is unknown: no admin plane of the process that serves the URL could be read; name it with --admin URL.',
        ]
      : []),
  ];
}

function jsonOf(
  load: LoadOptions,
  result: LoadResult,
  cpuUs: number | undefined,
  notes: readonly string[],
): object {
  const { p50, p90, p99, max } = result.latency;
  return {
    ...{ url: load.url, method: load.method, connections: load.connections, pipelining: load.pipelining },
    durationS: result.duration,
    requests: result.requests.total,
    requestsPerSecond: result.requests.average,
    bytesPerSecond: result.throughput.average,
    latencyMs: { p50, p90, p99, max },
    statusCodes: statusesOf(result),
    ...{ errors: result.errors, timeouts: result.timeouts },
    cpuPerRequestUs: cpuUs ?? null,
    notes,
  };
}

const statusesOf = ({ statusCodeStats = {} }: LoadResult): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(statusCodeStats).map(([status, { count }]) => [status, count]));

function linesOf(
  { method, url }: LoadOptions,
  result: LoadResult,
  cpuUs: number | undefined,
  notes: readonly string[],
): readonly string[] {
  const { p50, p90, p99, max } = result.latency;
  const statuses = Object.entries(statusesOf(result)).map(([status, count]) => `${status}: ${count}`);
  const [, ...rows] = tableOf(
    ['', ''],
    [
      ['requests/s', String(Math.round(result.requests.average))],
      ['requests', `${result.requests.total} in ${result.duration} s`],
      ['latency', `p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`],
      ['status codes', statuses.join(', ') || '-'],
      ['errors', `${result.errors}, of which ${result.timeouts} timeouts`],
      ...(cpuUs === undefined ? [] : [['CPU per request', `${Math.round(cpuUs)} µs of the whole process`]]),
    ],
  );
  return [
    `${method} ${url}`,
    ...rows.map((row) => `  ${row}`),
    '',
    ...notes.flatMap((note) => filled(note, '').split('\n')),
  ];
}
