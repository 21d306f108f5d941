// The end of a draining worker. The core cannot list idle keep-alive connections, and closing one loses a
// request that is on its way. So they stay open: the response to the next request of a connection says
// `Connection: close`, and the core itself closes a connection that has been idle for about 10 s. Only
// connections that are still open when the time is over are closed here, and they are counted.
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import { DeadlineExceededError, type HttpError } from '../errors.js';
import type { Counter } from '../memory/metrics/recorder.js';
import type { App } from '../server/app.js';
import type { UwsServer } from '../server/uws/uws.js';

/**
 * A WebSocket that was told goodbye counts as gone, but its client has yet to take that in: closed before,
 * and with an answer of the client on its way, the connection is reset and the goodbye lost.
 */
export const GOODBYE_MS = 500;
const LOOK_EVERY_MS = 20;
/** Requests that arrive while others are ended at the end of a drain are ended as well, this many times. */
const ROUNDS = 4;

export interface Busyness {
  readonly inFlight: number;
  readonly connections: number;
}

/**
 * Resolves when nothing is in flight and no connection is open, at the latest after `withinMs`, pauses of the
 * process not counted.
 * @param leastMs the earliest time, also without a connection
 */
export async function untilNoConnection(
  busyness: () => Busyness,
  withinMs: number,
  leastMs = 0,
): Promise<void> {
  const begun = performance.now();
  let isOver = false;
  const allowance = new Allowance(withinMs, () => {
    isOver = true;
  });
  while (!isOver) {
    // First of all: a socket that the acceptor handed over just before is taken in while the loop turns.
    await delay(Math.min(LOOK_EVERY_MS, allowance.leftMs));
    const { inFlight, connections } = busyness();
    if (inFlight === 0 && connections === 0 && performance.now() - begun >= leastMs) break;
  }
  allowance.cancel();
}

/**
 * Ends what still runs when the time is over. Requests that have arrived by then are read once more. A
 * request was executed, in part at least, so its response is 504. Streams are cut, except those of events,
 * which have no other end: they end in order. Resolves when the responses are with the kernel, so that the
 * sockets may be closed.
 */
export async function endUnfinished(
  app: Pick<App, 'abandon' | 'living'>,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  let ended = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await turn();
    const unfinished = app.living();
    if (unfinished.length === 0) break;
    ended += unfinished.filter(({ isEndless, isAnswered }) => !isEndless && !isAnswered).length;
    app.abandon(outOfTime(), unfinished);
    // The response to a request that arrived in this turn of the loop is written in the next one.
    await turn();
  }
  if (ended > 0)
    log.warn({ requests: ended }, 'requests were still running at the end of the drain: answered 504');
}

/**
 * Closes the server, and counts the connections whose clients did not see `Connection: close`, as far as is
 * known.
 */
export function closeServer(
  server: Pick<UwsServer, 'close' | 'connections'>,
  closed: Counter,
  log: Pick<Logger, 'info'>,
): void {
  const { connections } = server;
  if (connections > 0) {
    closed.add(connections);
    log.info({ connections }, 'connections were still open at the end of the drain: closed');
  }
  server.close();
}

const outOfTime = (): HttpError =>
  new DeadlineExceededError('The worker ended before the request was finished.');
