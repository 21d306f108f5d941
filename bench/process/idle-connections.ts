// The memory of a server with many idle connections. They are opened by another process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pssMiB } from './proc.js';
import type { Server } from './server.js';

const CLIENT = fileURLToPath(new URL('../load/own/idle.js', import.meta.url));
/**
 * Time for the server to come to rest. Shorter than the 10 s after which uWebSockets.js closes what is idle.
 */
const REST_MS = 2000;

export interface IdleConnections {
  /** Connections on which a response had come and that were open then. */
  readonly open: number;
  /** Connections that the server has closed until its memory was read. */
  readonly closed: number;
  readonly beforeMiB: number;
  readonly withMiB: number;
}

/** @throws Error when the client ends early */
export async function measureIdleConnections(
  server: Server,
  path: string,
  count: number,
  signal: AbortSignal,
): Promise<IdleConnections> {
  const beforeMiB = pssMiB(server.pid);
  const child = spawn(process.execPath, [CLIENT, server.url + path, `${count}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const open = numberIn(await lines.next(), 'open');
  await sleep(REST_MS, undefined, { signal });
  const withMiB = pssMiB(server.pid);
  child.stdin.end();
  const closed = numberIn(await lines.next(), 'closed');
  await ended;
  return { open, closed, beforeMiB, withMiB };
}

function numberIn({ value, done }: IteratorResult<string, unknown>, word: string): number {
  const found = done === true ? undefined : new RegExp(`^${word} (\\d+)$`).exec(value)?.[1];
  if (found === undefined) throw new Error(`the client of idle connections printed no "${word}"`);
  return Number(found);
}
