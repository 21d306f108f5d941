// The scope of one unit of work (a request, a saga step): its deadline, abort signal, identity and trace. The
// scope follows the work through every await. `call`, `db`, `cpu` and `log` read it, so handlers need not
// pass it on.
import { AsyncLocalStorage, AsyncResource, executionAsyncResource } from 'node:async_hooks';
import type { AbortSource } from './abort-source.js';
import type { Deadline } from './deadline.js';
import type { Holds } from './hold.js';
import type { WorkTiming } from './work-timing.js';

/** W3C trace context of the current span (https://www.w3.org/TR/trace-context/). Ids are lower-case hex. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** The members of the incoming `tracestate`: at most 512 bytes that HTTP and gRPC can send. */
  readonly tracestate: string | undefined;
}

/** A call that several callers share, and the shared calls that it waits for: a circle never ends. */
export interface SharedWork {
  readonly waitsFor: Set<SharedWork>;
}

export interface Scope {
  readonly requestId: string;
  /** `Deadline.none` once the response streams: work that begins from then on has a time of its own. */
  readonly deadline: Deadline;
  /** Aborts when the client leaves or the deadline passes. Reading it may create it. */
  readonly signal: AbortSignal;
  /** The same for code that needs no signal. Scopes without this member have the signal only. */
  readonly abortSource?: AbortSource;
  /** The number of calls within this process that wait for this work, one for the other. Default: 0. */
  readonly callDepth?: number;
  /** The shared call within this process that waits for this work, directly or through others. */
  readonly sharedWork?: SharedWork | undefined;
  /**
   * Whether the signal aborts at the deadline. When it does not, work of the scope needs a timer of its own.
   * Default: true.
   */
  readonly endsInTime?: boolean;
  /**
   * Whether the signal has aborted, known without creating it. Scopes without this member check the signal.
   */
  readonly isAborted?: boolean;
  /** Reading it may create the ids: an unsampled request that makes no call and logs nothing needs none. */
  readonly trace: TraceContext;
  /** The service whose code runs, for logs; undefined outside services. */
  readonly service: string | undefined;
  /** Method of the request; absent outside requests. */
  readonly method?: string;
  /** Template of the matched route; absent outside requests. */
  readonly template?: string | undefined;
  /**
   * The number of the route (memory/route-names.ts) as which the CPU time of this work counts; 0 before its
   * first request has begun. Absent outside requests.
   */
  readonly routeNumber?: number;
  /** Gets what this work waits for; undefined while that is not measured. */
  readonly timing?: WorkTiming | undefined;
  /** The holds of this work, which are released when it is interrupted. Reading it may create the list. */
  readonly holds?: Holds;
  /**
   * Reports that a call of this work has failed with 502, 503 or 504 after all its attempts.
   * @param isCircle it has failed because calls wait for one another without an end
   */
  callFailed?(isCircle?: boolean): void;
}

const storage = new AsyncLocalStorage<Scope>();

/** The load of modules of a project. It stands for a scope in all code that the load has started. */
class Load {
  hasEnded = false;
  readonly #waiting: (() => void)[] = [];

  /** Calls back when the load has ended: now, if it has. */
  afterwards(callback: () => void): void {
    if (this.hasEnded) callback();
    else this.#waiting.push(callback);
  }

  end(): void {
    this.hasEnded = true;
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

/**
 * Runs code of the project that declares something. All that this code starts, as timers and promises, can be
 * told from other code by `currentLoad`, and belongs to no scope.
 */
export function runAsLoading<T>(fn: () => T): T {
  const load = new Load();
  try {
    return storage.run(load as unknown as Scope, fn);
  } finally {
    load.end();
  }
}

/** Does the same for the load of a module, which ends when the promise settles. */
export async function loadModule<T>(fn: () => Promise<T>): Promise<T> {
  const load = new Load();
  try {
    return await storage.run(load as unknown as Scope, fn);
  } finally {
    load.end();
  }
}

/** The load of a project's modules that has started the code that runs. */
export function currentLoad(): Load | undefined {
  const store: unknown = storage.getStore();
  return store instanceof Load ? store : undefined;
}

/** Runs work that belongs to no scope, such as that of a timer which happens to be made inside of one. */
export const runOutsideScopes = <T>(fn: () => T): T => storage.run(undefined as never, fn);

/** @param fn gets the scope, so that a call for each request needs no function of its own */
export function runInScope<S extends Scope, T>(scope: S, fn: (scope: S) => T): T {
  return storage.run(scope, fn, scope);
}

/**
 * Keeps the asynchronous context in which it is made: the scope, and what code of services has entered in
 * storages of its own. Work that goes on in a callback of the HTTP core runs in it, because all callbacks of
 * the core share one context.
 */
export class OwnContext extends AsyncResource {
  #outer: object | undefined;

  constructor() {
    super('multilane.context', { requireManualDestroy: true });
  }

  /** The context in which it was entered. An interruption looks there for the immediate that runs. */
  get outer(): object | undefined {
    return this.#outer;
  }

  enter<Args extends unknown[]>(fn: (...args: Args) => void, ...args: Args): void {
    this.#outer = executionAsyncResource();
    this.runInAsyncScope(fn, undefined, ...args);
  }
}

/**
 * Ends the scope for the rest of the running callback. Used where the work of the scope was interrupted.
 */
export function leaveScope(): void {
  storage.enterWith(undefined as never);
}

/** The scope of the running work; undefined at start-up and in background jobs. */
export function currentScope(): Scope | undefined {
  return unlessLoading(storage.getStore());
}

const unlessLoading = (scope: Scope | undefined): Scope | undefined =>
  scope instanceof Load ? undefined : scope;

/** The property of a promise that holds its scope. Promises have it up to Node.js 22. */
const SCOPE_OF_PROMISE = (storage as { readonly kResourceStore?: symbol }).kResourceStore;

/** Whether `scopeOfContinuation` can tell the scope: up to Node.js 22. */
export const promisesHoldScopes = SCOPE_OF_PROMISE !== undefined;

/**
 * The scope of a continuation that is about to run. It is for hooks of promises, which may run before Node.js
 * has entered the context of the continuation: `currentScope` could still be that of other work.
 * @param promise the argument of the hook
 */
export function scopeOfContinuation(promise: object): Scope | undefined {
  if (SCOPE_OF_PROMISE === undefined) return undefined;
  return unlessLoading((promise as Record<symbol, Scope | undefined>)[SCOPE_OF_PROMISE]);
}

/** Whether the work of a scope was aborted; works for scopes without the member `isAborted` too. */
export const isAborted = (scope: Scope | undefined): boolean =>
  scope?.isAborted ?? scope?.signal.aborted ?? false;

/**
 * Empties all storages, not only that of the scope, in the running context. Contexts have them up to Node.js
 * 22.
 */
export function emptyStores(): void {
  const resource = executionAsyncResource() as Record<symbol, unknown>;
  for (const key of Object.getOwnPropertySymbols(resource)) {
    if (key.description === 'kResourceStore') resource[key] = undefined;
  }
}
