// Between finding a port free and listening on it beside others there is a moment in which a second start
// would find it free as well. So starts on one host take turns, by a name in the abstract socket space: it
// belongs to the same network namespace as the ports do, and is free again as soon as its process has ended.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

const NAME = '\0multilane-start';
const PACE_MS = 10;
/** A turn takes less than a millisecond: who holds it for longer is none of us. */
const PATIENCE_MS = 1_000;

/** Runs `work` while no other process does. @throws what `work` throws */
export async function inTurn<T>(work: () => T, log: Pick<Logger, 'warn'>): Promise<T> {
  const turn = await take();
  if (turn === undefined) log.warn('another process keeps starts from taking turns: going on without');
  try {
    return work();
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
