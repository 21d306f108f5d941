// What a worker does about having stood still: in the middle of it, then when it was broken off.
import { executionAsyncId } from 'node:async_hooks';
import type { Stall } from '../cluster/interrupt-protocol.js';
import type { Examination } from '../cluster/interruptible.js';
import { HttpError } from '../errors.js';
import type { WorkerRow } from '../memory/worker-row.js';
import { leaveScope } from '../scope.js';
import type { App } from '../server/app.js';
import type { UwsServer } from '../server/uws/uws.js';

/**
 * V8 drops the continuations that were queued behind a broken one, and nobody can tell whose: requests that
 * have not been answered by themselves after this long are answered for them.
 */
const OTHERS_MS = 500;

/** What two readings of the last turn may differ by. */
const CLOCKS_MS = 10;
/** Looks at one turn of the loop that found something else each: with the next, whatever runs is ended. */
const MOST_SUSPECTS = 10;

type Request = NonNullable<ReturnType<App['running']>>;

/** What a look at a loop that stands has found running. */
interface Suspect {
  /** Outside of requests the number of the asynchronous context; undefined where it has none. */
  readonly what: Request | number | undefined;
  readonly foundAt: number;
  /** When the loop has turned last. */
  readonly turnedAt: number;
  /** Which one of this turn it is. */
  readonly number: number;
}

export interface StallHandlerOptions {
  readonly app: Pick<
    App,
    'interrupt' | 'living' | 'running' | 'runningWebSocket' | 'leaveWebSocket' | 'serviceCode'
  >;
  readonly server: Pick<UwsServer, 'inCallback' | 'prepareInterrupt'>;
  readonly row: Pick<WorkerRow, 'leaveRoute'>;
  /** Milliseconds since the loop has last turned. */
  readonly standing: () => number;
  readonly stallMs: number;
  /** On `performance.now()`, which is the default. */
  readonly now?: () => number;
  /** Default: `executionAsyncId` of node:async_hooks. */
  readonly asyncId?: () => number;
}

export class StallHandler {
  readonly #options: StallHandlerOptions;
  /** Several when one loop follows another in the same turn. */
  #culprits: Request[] = [];
  #spareOthers = true;
  #suspect: Suspect | undefined;

  constructor(options: StallHandlerOptions) {
    this.#options = options;
  }

  isStalled(): boolean {
    const { standing, stallMs } = this.#options;
    return standing() >= stallMs / 2;
  }

  /**
   * Runs on top of what is to be broken off. A loop that has not turned for long may be at one of many short
   * callbacks: those are spared.
   */
  examine(): Examination {
    const { app, server, stallMs, now: clock = () => performance.now() } = this.#options;
    const now = clock();
    if (!this.isStalled()) return undefined;
    // The call into the core that is on the stack returns soon: no code of services runs inside of it.
    if (app.serviceCode.isHeld) return 'retry';
    const { inCallback } = server;
    const onStack = app.living().filter((one) => one.onStack);
    const webSocket = app.runningWebSocket();
    const isShort = (since: number): boolean => now - since < stallMs / 2;
    if (inCallback) {
      // The request is not known yet, or not any more.
      if (onStack.length === 0) return 'retry';
      if (onStack.every(({ startedAt }) => isShort(startedAt))) return 'progressing';
    } else if (webSocket !== undefined && isShort(webSocket.since)) return 'progressing';
    const request = app.running();
    if (!inCallback && webSocket === undefined && !this.#isStillRunning(request, now)) return 'progressing';
    // One that was broken off and runs again does not wait until the loop turns: it may never do.
    const isAgain = request !== undefined && this.#culprits.includes(request);
    if (request !== undefined && !isAgain) this.#culprits.push(request);
    // V8 drops nothing of others where the core has called directly.
    this.#spareOthers &&= inCallback || webSocket !== undefined;
    leaveScope();
    // Now: a callback that returns to the core without an answer ends the process.
    // What services do about it comes when the loop turns: it may not end either, and nothing would end it
    // here.
    app.serviceCode.holdOverTurn(() => app.interrupt(stalled(), isAgain ? [...onStack, request] : onStack));
    server.prepareInterrupt();
    const stall: Stall = {
      where: inCallback ? 'request' : request === undefined ? 'elsewhere' : 'continuation',
      ...(webSocket !== undefined && { method: 'GET', route: webSocket.route! }),
      ...(request && { method: request.method, route: request.route, requestId: request.requestId }),
    };
    app.leaveWebSocket(); // what runs next in this turn is not its callback
    return stall;
  }

  /**
   * Nobody knows when a continuation or the callback of a timer began, and thousands of them may have become
   * due at once. So it takes two looks that find the same request, or the same callback outside of requests.
   * From Node.js 24 on, continuations have no number: each one may be another.
   */
  #isStillRunning(request: Request | undefined, now: number): boolean {
    const { standing, stallMs, asyncId = executionAsyncId } = this.#options;
    const what = request ?? (asyncId() || undefined);
    const turnedAt = now - standing();
    const before = this.#suspect;
    const isSameTurn = before !== undefined && Math.abs(before.turnedAt - turnedAt) < CLOCKS_MS;
    if (isSameTurn && what !== undefined && before.what === what) return now - before.foundAt >= stallMs / 4;
    const number = isSameTurn ? before.number + 1 : 1;
    const isOneTooMany = number > MOST_SUSPECTS;
    // What comes behind it in this turn is spared as well.
    this.#suspect = isOneTooMany ? undefined : { what, foundAt: now, turnedAt, number };
    return isOneTooMany;
  }

  /** The loop turns again, and this worker is about to be replaced. */
  recover(): void {
    const { app, row } = this.#options;
    row.leaveRoute(0);
    app.leaveWebSocket();
    this.answer();
    if (this.#spareOthers) return;
    const others = app.living();
    setTimeout(() => {
      const living = new Set(app.living());
      // One that has ended in order meanwhile has lost nothing.
      const lost = others.filter((one) => living.has(one) || !one.isAnswered);
      app.interrupt(stalled(), lost);
    }, OTHERS_MS);
  }

  /** Answers those that were broken off: no later than when all that is in flight is ended. */
  answer(): void {
    for (const culprit of this.#culprits.splice(0)) culprit.interrupt(stalled());
  }
}

const stalled = (): HttpError =>
  new HttpError('HANDLER_STALLED', 'A handler did not return for too long and was broken off.');
