// The load of a chaos run: clients that keep a connection, clients that open one for each request, slow
// clients, and clients that pause between two requests on one connection, over a network with delays.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { delayingProxy } from '#test/support/delaying-proxy.js';
import { seeded } from '#test/support/random.js';
import type { Account } from './account.js';
import { type Ask, Connection } from './connection.js';

const KEEPING = 6;
const OPENING = 4;
const SLOW = 2;
const PAUSING = 8;
/**
 * The longest pause of a client between requests, so that clients do not compete with the server for the CPU.
 */
const THINK_MS = 8;
/** The longest pause of the clients that keep a connection and pause. */
const PAUSE_MS = 3_000;
const SOON_MS = 60;
const SLOW_MS = 300;
const BODY = JSON.stringify({ text: 'x'.repeat(2_000) });

export interface Load {
  /**
   * Ends every client after its next response. Resolves when all have ended.
   * @throws the error of a client that failed
   */
  stop(): Promise<void>;
}

export async function startLoad(url: string, account: Account, seed: number): Promise<Load> {
  let stopped = false;
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const proxy = await delayingProxy(url, seed);
  const client = async (index: number): Promise<void> => {
    const random = seeded(seed + index);
    const isPausing = index >= KEEPING + OPENING + SLOW;
    const isSlow = index >= KEEPING + OPENING && !isPausing;
    const perConnection = index < KEEPING || isPausing ? Number.POSITIVE_INFINITY : 1;
    while (!stopped) {
      const connection = await Connection.open(isPausing ? proxy.url : url);
      if (!(connection instanceof Connection)) {
        account.judge('connect', connection);
        await pause(THINK_MS);
        continue;
      }
      for (let count = 0; count < perConnection && !connection.isOver && !stopped; count += 1) {
        const ask = isSlow ? slowly(random) : quickly(random);
        account.judge(`${ask.method ?? 'GET'} ${ask.path}, request ${count + 1}`, await connection.ask(ask));
        await pause(random() * (isPausing ? PAUSE_MS : THINK_MS));
      }
      connection.destroy();
    }
  };
  const count = KEEPING + OPENING + SLOW + PAUSING;
  const clients = Promise.all(Array.from({ length: count }, (_, index) => client(index)));
  clients.catch(() => undefined); // `stop` rejects with it
  return {
    async stop() {
      stopped = true;
      stopping.abort();
      try {
        await clients;
      } finally {
        await proxy.close();
      }
    },
  };
}

function quickly(random: () => number): Ask {
  const draw = random();
  if (draw < 0.5) return { path: '/now' };
  if (draw < 0.8) return { path: `/soon/${Math.ceil(random() * SOON_MS)}` };
  return { method: 'POST', path: '/echo', body: BODY };
}

const slowly = (random: () => number): Ask => ({
  method: 'POST',
  path: '/echo',
  body: BODY,
  pauseMs: random() * SLOW_MS,
});
