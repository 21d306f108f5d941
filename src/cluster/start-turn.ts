// A lock by which processes that start on one host take turns. After a process has found a port free, it
// closes the exclusive listener and opens a shared one; in between, a second process would find the port free
// as well. The lock is a name in the abstract socket space: it belongs to the same network namespace as the
// ports, and is released as soon as its process has ended.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

const NAME = '\0multilane-start';
const PACE_MS = 10;
/**
 * A turn takes less than a millisecond. If the lock is held for longer than this, another program holds it.
 */
const PATIENCE_MS = 1_000;

/**
 * Runs `work` while no other process runs its own, or without the lock if that cannot be taken.
 * @throws whatever `work` rejects with
 */
export async function inTurn<T>(work: () => T | Promise<T>, log: Pick<Logger, 'warn'>): Promise<T> {
  const turn = await take();
  if (turn === undefined)
    log.warn('cannot take the start lock held by another process; continuing without it');
  try {
    return await work();
  } finally {
    turn?.close();
  }
}

async function take(): Promise<Server | undefined> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await delay(PACE_MS)) {
    const server = createServer((socket) => socket.destroy());
    server.listen(NAME);
    try {
      await once(server, 'listening');
      return server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  return undefined;
}
