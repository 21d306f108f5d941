// `multilane bench URL`: sends requests as fast as they are responded to, and prints what was measured.
import { type Command, InvalidArgumentError } from 'commander';
import { openFileLimit } from '../../config/open-file-limit.js';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { benchJson, benchLines, benchNotes } from '../bench-report.js';
import { WrongUsage } from '../command-failure.js';
import type { LoadGenerator, LoadProgress } from '../load-generator.js';
import type { LoadOptions } from '../load-messages.js';
import { type OutputOptions, print, printJson, withJson } from '../output.js';

/** What the load generator has open beside its connections, with room to spare. */
const OWN_FILES = 64;

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
    .option('--method <method>', 'HTTP method; default: GET, or POST with --body', methodIn)
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

/** The methods that the load generator sends. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];

function methodIn(text: string): string {
  const method = text.toUpperCase();
  if (METHODS.includes(method)) return method;
  throw new InvalidArgumentError(`It is one of ${METHODS.join(', ')}.`);
}

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
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const load: LoadOptions = { url: url.href, connections, duration, pipelining, method, headers, body };
  requireOpenFiles(connections);
  const { LoadGenerator } = await import('../load-generator.js');
  const generator = await LoadGenerator.start(process.cwd());
  try {
    await measure(url, load, options, generator);
  } finally {
    generator.close();
  }
}

async function measure(
  url: URL,
  load: LoadOptions,
  options: BenchOptions,
  generator: LoadGenerator,
): Promise<void> {
  const { readCpu, cpuPerRequest } = await import('../process-cpu.js');
  const plane = isLoopback(url) ? await planeOf(options) : undefined;
  const before = plane && (await readCpu(plane));
  const report = progressTo(load);
  const result = await generator.run(load, report);
  report.end();
  const after = before && plane && (await readCpu(plane));
  const cpuUs = before && after && cpuPerRequest(before, after, result.requests);
  const notes = benchNotes({ load, isLocal: isLoopback(url), result, cpuUs });
  await (options.json
    ? printJson(benchJson(load, result, cpuUs, notes))
    : print(benchLines(load, result, cpuUs, notes)));
  if (result.requests === 0 || result.cutOff !== undefined) process.exitCode = 1;
}

/** @throws WrongUsage when the limit of open files has no room for the connections */
function requireOpenFiles(connections: number): void {
  const [limit, needed] = [openFileLimit(), connections + OWN_FILES];
  if (needed <= limit) return;
  const fit = Math.max(0, limit - OWN_FILES);
  throw new WrongUsage(
    `--connections ${connections} needs ${needed} open files, but the limit of this process is ${limit}, in which ${fit} connections fit: raise it with "ulimit -n ${needed}", or open fewer`,
  );
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
function progressTo({ url, connections, duration }: LoadOptions): LoadProgress & { end(): void } {
  const { stderr } = process;
  let seconds = 0;
  return {
    begin() {
      stderr.write(`multilane: ${duration} s of requests to ${url} over ${connections} connections\n`);
    },
    tick(perSecond) {
      seconds += 1;
      if (stderr.isTTY) stderr.write(`\r\x1b[K${seconds} of ${duration} s, ${perSecond} requests/s`);
    },
    end() {
      if (stderr.isTTY) stderr.write('\r\x1b[K');
    },
  };
}
