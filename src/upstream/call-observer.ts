// The observer of calls: it counts picks, times attempts and makes client spans. The wiring provides it; this
// module only reports to it.

import type { Endpoint } from '../registry/endpoint.js';
import type { HedgeOutcome } from '../resilience/hedge.js';
import type { TraceContext } from '../scope.js';

export interface CallObserver {
  /**
   * Called when an attempt begins.
   * @param path without its query @param parent the span of the running work
   */
  attempt(
    endpoint: Endpoint,
    method: string,
    path: string,
    attempt: number,
    parent: TraceContext | undefined,
  ): AttemptObservation;
  /** Called when a retry or hedge was due and the budget of the process had no token for it. */
  budgetExhausted(service: string): void;
  /** Called when a second attempt was made beside the first (`hedgeMs`). */
  hedged(service: string, outcome: HedgeOutcome): void;
  /** Called when a call got the result of another one (`singleFlight`). */
  shared(service: string): void;
  /** Called when the fallback of a call is called. */
  fellBack(service: string): void;
  /** Called when an instance has reported its load in a way that cannot be read. */
  reportRejected(service: string): void;
}

export interface AttemptObservation {
  /** The trace context to send: the span of the attempt, or the parent when there is none. */
  readonly trace: TraceContext | undefined;
  end(result: AttemptResult, microseconds: number): void;
}

/** The status of the response, or the error when there is none. */
export type AttemptResult = ResponseStatus | { readonly error: unknown };

export interface ResponseStatus {
  readonly status: number;
  /** The name of the gRPC status that a peer has sent with a failure. */
  readonly rpcStatus?: string | undefined;
}

/** An observer that ignores everything. */
export const SILENT: CallObserver = {
  attempt: (_endpoint, _method, _path, _attempt, trace) => ({ trace, end: () => undefined }),
  budgetExhausted: () => undefined,
  hedged: () => undefined,
  shared: () => undefined,
  fellBack: () => undefined,
  reportRejected: () => undefined,
};
