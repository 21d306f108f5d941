// What travels with one unit of work (a request, a saga step) through every await: deadline, abort signal,
// identity and trace. `call`, `db`, `cpu` and `log` read it, so handlers need not pass it by hand.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Deadline } from './deadline.js';
import type { Holds } from './hold.js';

/** W3C trace context of the current span (https://www.w3.org/TR/trace-context/). Ids are lower-case hex. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** Incoming `tracestate`, at most 512 bytes, passed on untouched. */
  readonly tracestate: string | undefined;
}

export interface Scope {
  readonly requestId: string;
  readonly deadline: Deadline;
  /** Aborts when the client leaves or the deadline passes. Getting it may create it. */
  readonly signal: AbortSignal;
  /** Whether the signal has aborted, told without creating it. Without it the signal is asked. */
  readonly isAborted?: boolean;
  /** Getting it may create the ids: an unsampled request that calls nobody never pays for them. */
  readonly trace: TraceContext;
  /** The service whose code runs, for logs; undefined outside services. */
  readonly service: string | undefined;
  /** Method and template of the route that is served; not there outside requests. */
  readonly method?: string;
  readonly template?: string | undefined;
  /** What this work holds, given back when it is broken off. Getting it may create it. */
  readonly holds?: Holds;
  /** A call of this work has failed with 502, 503 or 504 after all its attempts. */
  callFailed?(): void;
}

const storage = new AsyncLocalStorage<Scope>();

export function runInScope<T>(scope: Scope, fn: () => T): T {
  return storage.run(scope, fn);
}

/**
 * What runs from here on in this callback belongs to nobody: for code that is broken off within its scope.
 */
export function leaveScope(): void {
  storage.enterWith(undefined as never);
}

/** The scope of the running work, undefined at start-up and in background jobs. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/** As `Scope.isAborted`, for every scope. */
export const isAborted = (scope: Scope | undefined): boolean =>
  scope?.isAborted ?? scope?.signal.aborted ?? false;
