// How the connections and requests of a draining worker end. The HTTP core cannot list idle keep-alive
// connections, and closing one loses a request that is on its way. So they stay open: the response to the
// next request of a connection carries `Connection: close`, and the core itself closes a connection that has
// been idle for about 10 s. Only connections that are still open when the time is over are closed here, and
// they are counted.
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import { DeadlineExceededError, type HttpError } from '../errors.js';
import type { Counter } from '../memory/metrics/recorder.js';
import type { App } from '../server/app.js';
import type { WorkerServer } from './worker-server.js';

const LOOK_EVERY_MS = 20;
/** Rounds of ending requests at the end of a drain; further requests may arrive during each. */
const ROUNDS = 4;

export interface Busyness {
  readonly inFlight: number;
  readonly connections: number;
}

/**
 * Resolves when no request is in flight and no connection is open, at the latest after `withinMs`. Pauses of
 * the process are not counted.
 * @param leastMs the shortest wait, also without a connection
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
    // The wait comes before the first look: a socket that the acceptor has handed over just before is
    // received only when the event loop turns.
    await delay(Math.min(LOOK_EVERY_MS, allowance.leftMs));
    const { inFlight, connections } = busyness();
    if (inFlight === 0 && connections === 0 && performance.now() - begun >= leastMs) break;
  }
  allowance.cancel();
}

/**
 * Ends the requests that still run when the time is over, and those that have arrived by then. A request was
 * executed, in part at least, so its response is 504. Streams are cut, except server-sent events: these have
 * no end of their own, so they end in order. Resolves when the responses are with the kernel, so that the
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
    ended += unfinished.filter(({ isEndless, hasFullResponse }) => !isEndless && !hasFullResponse).length;
    app.abandon(outOfTime(), unfinished);
    // The response to a request that arrived in this turn of the loop is written in the next one.
    await turn();
  }
  if (ended > 0)
    log.warn(
      { requests: ended },
      'requests were still running at the end of the drain; their response is 504',
    );
}

/**
 * Closes the server. Counts the connections that are still open: their clients have probably not received
 * `Connection: close`.
 */
export function closeServer(
  server: Pick<WorkerServer, 'close' | 'connections'>,
  closed: Counter,
  log: Pick<Logger, 'info'>,
): void {
  const { connections } = server;
  if (connections > 0) {
    closed.add(connections);
    log.info({ connections }, 'connections were still open at the end of the drain; closing them');
  }
  server.close();
}

const outOfTime = (): HttpError =>
  new DeadlineExceededError('The worker ended before the request was finished.');
