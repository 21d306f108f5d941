// A call, over all its attempts.
import { type AbortSource, manyMayListen, SignalAbort } from '../abort-source.js';
import type { Deadline } from '../deadline.js';
import type { WorkLimits } from '../resilience/policy.js';
import type { Scope } from '../scope.js';
import type { CallRequest } from './call-request.js';
import type { FailureReporter } from './failure-report.js';

/** No endpoint is excluded. */
export const NO_IDS: ReadonlySet<string> = new Set();

/** @typeParam R the request, which is the same for every endpoint */
export class OngoingCall<R extends CallRequest = CallRequest> implements WorkLimits {
  readonly service: string;
  readonly request: R;
  readonly deadline: Deadline;
  readonly abort: AbortSource;
  readonly scope: Scope | undefined;
  readonly reporter: FailureReporter | undefined;
  #attempts = 0;
  #notRun = 0;
  #notBefore = 0;
  #firstTried = '';
  #tried: Set<string> | undefined;

  constructor(
    service: string,
    request: R,
    limits: { readonly deadline: Deadline; readonly abort: AbortSource },
    scope: Scope | undefined,
    reporter: FailureReporter | undefined,
  ) {
    this.service = service;
    this.request = request;
    this.deadline = limits.deadline;
    this.abort = limits.abort;
    this.scope = scope;
    this.reporter = reporter;
  }

  /** Reading it may create it. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Ids of the endpoints that were called. Most calls make one attempt, and no set of ids. */
  get tried(): ReadonlySet<string> {
    if (this.#tried !== undefined) return this.#tried;
    if (this.#attempts === 0) return NO_IDS;
    this.#tried = new Set([this.#firstTried]);
    return this.#tried;
  }

  /** Call when an attempt begins. @returns its number, 1 for the first */
  countAttempt(endpointId: string): number {
    if (this.#attempts === 0) this.#firstTried = endpointId;
    else (this.tried as Set<string>).add(endpointId);
    return ++this.#attempts;
  }

  /** Call when a callee has asked not to be called again within this time. */
  askedToWait(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms);
  }

  /** The time for which one of the callees that were tried has asked not to be called again. */
  get notBeforeMs(): number {
    return Math.max(0, this.#notBefore - performance.now());
  }

  /** Call when an attempt has ended, and no handler has got its request. */
  countNotRun(): void {
    this.#notRun++;
  }

  /** Whether no handler has got the request, in any attempt. */
  get hasNotRun(): boolean {
    return this.#notRun === this.#attempts;
  }
}

/** What aborts the work of a scope. */
export function abortOf(scope: Scope): AbortSource {
  if (scope.abortSource !== undefined) return scope.abortSource;
  manyMayListen(scope.signal);
  return new SignalAbort(scope.signal);
}
