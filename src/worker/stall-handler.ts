// What a worker does when it is stalled. While its loop is stalled, it decides whether the code on the stack
// is to be interrupted. Once the loop runs again, it ends the requests whose code was interrupted or dropped.
import type { Stall } from '../cluster/interrupt-protocol.js';
import type { Examination } from '../cluster/interruptible.js';
import { HttpError } from '../errors.js';
import type { WorkerRow } from '../memory/worker-row.js';
import { leaveScope } from '../scope.js';
import type { App } from '../server/app.js';
import type { HttpServer } from '../server/http-core.js';
import { SuspectTracker } from './suspect-tracker.js';

/**
 * V8 drops the continuations that were queued behind an interrupted one, and does not report which requests
 * they belonged to. Requests that have no response after this time get one.
 */
const DROPPED_MS = 500;

type Request = NonNullable<ReturnType<App['running']>>;

export interface StallHandlerOptions {
  readonly app: Pick<
    App,
    'interrupt' | 'living' | 'running' | 'runningWebSocket' | 'clearRunningWebSocket' | 'serviceCode'
  >;
  readonly server: Pick<HttpServer, 'inCallback' | 'prepareInterrupt'>;
  readonly row: Pick<WorkerRow, 'leaveRoute'>;
  /** Milliseconds since this turn of the loop began. */
  readonly turnMs: () => number;
  readonly stallMs: number;
  /** @default performance.now */
  readonly now?: () => number;
  /** @default executionAsyncId of node:async_hooks */
  readonly asyncId?: () => number;
}

export class StallHandler {
  readonly #options: StallHandlerOptions;
  readonly #suspects: SuspectTracker;
  /**
   * Requests whose code was interrupted. There are several when one loop follows another in the same turn.
   */
  #interrupted: Request[] = [];
  /**
   * True while every interruption was of code that the HTTP core has called directly: then no continuation of
   * another request was dropped.
   */
  #areOthersUnharmed = true;

  constructor(options: StallHandlerOptions) {
    this.#options = options;
    this.#suspects = new SuspectTracker(options.stallMs, options.asyncId);
  }

  isStalled(): boolean {
    const { turnMs, stallMs } = this.#options;
    return turnMs() >= stallMs / 2;
  }

  /**
   * Decides whether the code below this call on the stack is to be interrupted, and prepares its request for
   * that. When a stalled loop has many short callbacks, none of them is interrupted.
   */
  examine(): Examination {
    const { app, server, stallMs, turnMs, now: clock = () => performance.now() } = this.#options;
    const now = clock();
    if (!this.isStalled()) return undefined;
    // A call into the HTTP core is on the stack. It returns soon, since no code of services runs inside of
    // it.
    if (app.serviceCode.isHeld) return 'retry';
    const { inCallback } = server;
    const onStack = this.#onStack(inCallback);
    const webSocket = app.runningWebSocket();
    const isShort = (since: number): boolean => now - since < stallMs / 2;
    if (inCallback) {
      // The core has called, but the request is not known yet, or not any more.
      if (onStack.length === 0) return 'retry';
      if (onStack.every(({ startedAt }) => isShort(startedAt))) return 'progressing';
    } else if (webSocket !== undefined && isShort(webSocket.since)) return 'progressing';
    const request = app.running();
    const isCalledByCore = inCallback || webSocket !== undefined;
    if (!isCalledByCore && !this.#suspects.isStillRunning(request, now, now - turnMs())) return 'progressing';
    this.#prepare(request, onStack, isCalledByCore);
    const stall: Stall = {
      where: inCallback ? 'request' : request === undefined ? 'elsewhere' : 'continuation',
      ...(webSocket !== undefined && { method: 'GET', route: webSocket.route! }),
      ...(request && { method: request.method, route: routeOf(request), requestId: request.requestId }),
    };
    app.clearRunningWebSocket(); // what runs next in this turn does not belong to that callback
    return stall;
  }

  /**
   * The requests on the stack, the newest first. In a callback of the core, the request that it has brought
   * is the oldest of them. Others count as on the stack because a timeout of `node:vm` or a full stack has
   * cut them off, which is found out when the loop turns.
   */
  #onStack(inCallback: boolean): ReturnType<App['living']> {
    const onStack = this.#options.app.living().filter((one) => one.onStack);
    return inCallback ? onStack.slice(0, onStack.findIndex((one) => one.inCallback) + 1) : onStack;
  }

  #prepare(request: Request | undefined, onStack: ReturnType<App['living']>, isCalledByCore: boolean): void {
    const { app, server } = this.#options;
    // A request that was interrupted before and runs again gets its response at once: the loop may never
    // turn.
    const isAgain = request !== undefined && this.#interrupted.includes(request);
    if (request !== undefined && !isAgain) this.#interrupted.push(request);
    // Nothing is queued behind code that the core has called directly, so V8 drops no continuations then.
    this.#areOthersUnharmed &&= isCalledByCore;
    leaveScope();
    server.prepareInterrupt();
    // Responses are sent now, because a callback that returns to the core without a response ends the
    // process. Listeners of services are called when the loop turns: here they might not end, and nothing
    // would interrupt them.
    app.serviceCode.holdOverTurn(() => app.interrupt(stalled(), isAgain ? [...onStack, request] : onStack));
  }

  /** Called when the loop turns again, and this worker is about to be replaced. */
  recover(): void {
    const { app, row } = this.#options;
    row.leaveRoute(0);
    app.clearRunningWebSocket();
    this.respond();
    if (this.#areOthersUnharmed) return;
    const others = app.living();
    setTimeout(() => {
      const living = new Set(app.living());
      // A request that has ended in order meanwhile has lost nothing.
      const lost = others.filter((one) => living.has(one) || !one.hasFullResponse);
      app.interrupt(stalled(), lost);
    }, DROPPED_MS);
  }

  /**
   * Sends the responses of interrupted requests. It is called when the loop runs again, and at the latest
   * when a drain ends all requests.
   */
  respond(): void {
    for (const request of this.#interrupted.splice(0)) request.interrupt(stalled());
  }
}

const stalled = (): HttpError =>
  new HttpError('HANDLER_STALLED', 'A handler did not return for too long and was interrupted.');

/** The route as metrics name it. */
const routeOf = ({ template, route }: Request): string => template ?? route;
