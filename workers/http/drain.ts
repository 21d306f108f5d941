// When a draining worker may close. Idle keep-alive connections cannot be listed in the core, and cutting one on
// which a request is just arriving would lose it: so a worker closes when all connections are gone, or when
// nothing has been in hand and nothing has arrived for a while. What is not finished in time is ended here as well.
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { DeadlineExceededError, type HttpError } from '#src/errors.js';
import type { App } from '#src/server/app.js';

/** Longer than any keep-alive client under load pauses, shorter than a person waits after Ctrl-C. */
const QUIET_MS = 1_000;
/**
 * A WebSocket that was told goodbye counts as gone, but its client has yet to take that in: closed before, and with an
 * answer of the client on its way, the connection is reset and the goodbye lost.
 */
export const GOODBYE_MS = 500;
const LOOK_EVERY_MS = 20;

export interface Busyness {
  readonly inFlight: number;
  readonly connections: number;
  /** Requests since the worker started: unchanged means that nothing has arrived. */
  readonly requests: number;
}

/**
 * Resolves when the worker may close, at the latest after `withinMs`.
 * @param leastMs not before, however quiet it is
 */
export async function untilQuiet(busyness: () => Busyness, withinMs: number, leastMs = 0): Promise<void> {
  const begun = performance.now();
  const deadline = begun + withinMs;
  let quietSince = begun;
  let seen = busyness().requests;
  for (;;) {
    // First of all: a socket that the acceptor handed over just before is taken in while the loop turns.
    await delay(Math.max(0, Math.min(LOOK_EVERY_MS, deadline - performance.now())));
    const { inFlight, connections, requests } = busyness();
    const now = performance.now();
    if (inFlight > 0 || requests !== seen) quietSince = now;
    seen = requests;
    if (now >= deadline) return;
    const isQuiet = (inFlight === 0 && connections === 0) || now - quietSince >= QUIET_MS;
    if (isQuiet && now - begun >= leastMs) return;
  }
}

/**
 * The time is over: what still runs was executed, in part at least, and is answered 504. Streams are cut, but for
 * those of events, which end in order: they have no other end. Resolves when the answers are with the kernel, so that
 * the sockets may be closed.
 */
export async function endUnfinished(
  app: Pick<App, 'abandon' | 'living'>,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  const unfinished = app.living();
  if (unfinished.length === 0) return;
  const requests = unfinished.filter(({ isEndless }) => !isEndless).length;
  if (requests > 0) {
    log.warn({ requests }, 'requests were still running at the end of the drain: answered 504');
  }
  app.abandon(outOfTime());
  // An answer whose request came in this very turn is written in the next one.
  await turn();
  await turn();
  app.abandon(outOfTime()); // what has arrived meanwhile
}

const outOfTime = (): HttpError =>
  new DeadlineExceededError('The worker ended before the request was finished.');
