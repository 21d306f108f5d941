// Who watches calls: counts picks, times attempts, makes client spans. The wiring decides; this room only
// tells.

import type { Endpoint } from '../registry/endpoint.js';
import type { HedgeOutcome } from '../resilience/hedge.js';
import type { TraceContext } from '../scope.js';

export interface CallObserver {
  /** One attempt begins. @param path without its query @param parent the span of the running work */
  attempt(
    endpoint: Endpoint,
    method: string,
    path: string,
    attempt: number,
    parent: TraceContext | undefined,
  ): AttemptObservation;
  /** A retry or hedge was due and the budget of the process had no token for it. */
  budgetExhausted(service: string): void;
  /** A second attempt was made beside the first (`hedgeMs`). */
  hedged(service: string, outcome: HedgeOutcome): void;
  /** A call got the answer of another one (`singleFlight`). */
  shared(service: string): void;
}

export interface AttemptObservation {
  /** What travels on: the span of the attempt, or the parent when there is none. */
  readonly trace: TraceContext | undefined;
  end(result: AttemptResult, microseconds: number): void;
}

/** An answer of any status, or why there is none. */
export type AttemptResult = { readonly status: number } | { readonly error: unknown };

export const SILENT: CallObserver = {
  attempt: (_endpoint, _method, _path, _attempt, trace) => ({ trace, end: () => undefined }),
  budgetExhausted: () => undefined,
  hedged: () => undefined,
  shared: () => undefined,
};
