// How long a server takes from the start of its process to its first response, and how much memory it has
// then. Every start is a new process.
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Spread, spread } from '../statistics.js';
import { pssMiB } from './proc.js';
import { type Server, type ServerCommand, startServer } from './server.js';
import { CpuWindow } from './window.js';

const DEADLINE_MS = 30_000;
/** Time in which a server that has started comes to rest, before its memory is read. */
const REST_MS = 1000;
/** Time over which the CPU time of a server without requests is measured. */
const IDLE_MS = 1000;

export interface Start {
  /** Milliseconds from the start of the process to the first 200. */
  readonly firstResponseMs: Spread;
  /** The same with an empty page cache; undefined when that needs rights which this process does not have. */
  readonly coldMs: Spread | undefined;
  /** MiB of the process tree, one second after its start and before any load. */
  readonly idlePssMiB: Spread;
  /** Part of one core that the server uses without requests. */
  readonly idleCpuShare: Spread;
}

/**
 * Starts the server and waits for its first response.
 * @returns also the milliseconds from its start to there
 */
export async function startToFirstResponse(
  command: ServerCommand,
  path: string,
): Promise<{ server: Server; ms: number }> {
  const server = await startServer(command);
  try {
    while (!(await isOk(server.url + path))) {
      if (performance.now() - server.started > DEADLINE_MS)
        throw new Error(`no 200 from ${server.name} ${path}`);
      await sleep(1);
    }
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { server, ms: performance.now() - server.started };
}

async function isOk(url: string): Promise<boolean> {
  const request = get(url, { agent: false, headers: { connection: 'close' } });
  const [response] = (await once(request, 'response').catch(() => [undefined])) as [
    { statusCode?: number; resume(): void } | undefined,
  ];
  response?.resume();
  return response?.statusCode === 200;
}

/** One start of a server, from its process to its rest. */
export interface OneStart {
  readonly firstResponseMs: number;
  readonly idlePssMiB: number;
  readonly idleCpuShare: number;
}

/** Starts the server, reads its figures without requests, and ends it. */
export async function startOnce(command: ServerCommand, path: string): Promise<OneStart> {
  const { server, ms } = await startToFirstResponse(command, path);
  try {
    await sleep(REST_MS);
    const idlePssMiB = pssMiB(server.pid);
    return { firstResponseMs: ms, idlePssMiB, idleCpuShare: await cpuShareWithoutRequests(server.pid) };
  } finally {
    await server.stop();
  }
}

/** Starts the server `times` times, and as often with a cold page cache if that can be emptied. */
export async function measureStarts(
  command: ServerCommand,
  path: string,
  times: number,
  withCold: boolean,
): Promise<Start> {
  const warm: OneStart[] = [];
  const cold: number[] = [];
  for (let i = 0; i < times; i += 1) warm.push(await startOnce(command, path));
  for (let i = 0; withCold && i < times && emptyPageCache(); i += 1) {
    const { server, ms } = await startToFirstResponse(command, path);
    cold.push(ms);
    await server.stop();
  }
  return {
    firstResponseMs: spread(warm.map((start) => start.firstResponseMs)),
    coldMs: cold.length === 0 ? undefined : spread(cold),
    idlePssMiB: spread(warm.map((start) => start.idlePssMiB)),
    idleCpuShare: spread(warm.map((start) => start.idleCpuShare)),
  };
}

async function cpuShareWithoutRequests(pid: number): Promise<number> {
  const window = new CpuWindow(pid);
  window.begin();
  await sleep(IDLE_MS);
  window.end();
  const { cpuUs, us } = window.usage();
  return cpuUs / us;
}

/** Needs root. Pages that a running process maps stay, such as those of the `node` that runs this file. */
function emptyPageCache(): boolean {
  try {
    const file = openSync('/proc/sys/vm/drop_caches', 'w');
    writeSync(file, '3');
    closeSync(file);
    return true;
  } catch {
    return false;
  }
}
