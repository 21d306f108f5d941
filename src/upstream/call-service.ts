// One call of a service: its deadline, what aborts it, and its attempts. For each attempt the balancer picks
// an endpoint from the registry view, its breaker admits the attempt, and a transport sends the request.
import { type AbortSource, SignalAbort } from '../abort-source.js';
import { Deadline } from '../deadline.js';
import { DeadlineExceededError, HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { type Cancellation, cancelAt, cancelWith } from '../resilience/cancellation.js';
import { fullJitter } from '../resilience/full-jitter.js';
import { hedged } from '../resilience/hedge.js';
import type { AttemptEnd, Random, Sleep } from '../resilience/policy.js';
import { mayRepeat, Retry } from '../resilience/retry.js';
import { currentScope, type Scope } from '../scope.js';
import type { CallOptions, CallResponse, Fallback } from './call.js';
import { type AttemptDependencies, attemptAt, attemptThen, isDisplaced } from './call-attempt.js';
import { SILENT } from './call-observer.js';
import { type CallRequest, mayRunTwice } from './call-request.js';
import { certainError, certainResponse } from './certain-result.js';
import { admitEndpoint } from './endpoint-admission.js';
import { reportError, reported, reporterOf, reportResponse } from './failure-report.js';
import { abortOf, NO_IDS, OngoingCall } from './ongoing-call.js';
import { begun } from './request-stream.js';
import type { Received } from './transport.js';

export interface ServiceCallDependencies extends AttemptDependencies {
  readonly random: Random;
  readonly sleep?: Sleep;
  /**
   * Milliseconds that a call outside of any request may take.
   * @default 30000
   */
  readonly timeoutMs?: number;
}

/** The options that say how a call is made, whatever its protocol. */
export interface CallPolicies
  extends Pick<CallOptions, 'timeoutMs' | 'retries' | 'hedgeMs' | 'maxConcurrent' | 'signal'> {
  readonly fallback?: Fallback<unknown>;
}

const TIMEOUT_MS = 30_000;
/** The default number of attempts beyond the first. */
const RETRIES = 2;
/** A call with a permit of `maxConcurrent` waits no longer than this for a callee that asks it to. */
const MOST_WAIT_WITH_PERMIT_MS = 250;
const BACKOFF = { baseMs: 25, maxMs: 1_000 };
/**
 * The most calls within a process that may wait for one another. Services that call each other in a circle
 * would go on until their deadline, and hold memory for each call.
 */
const MOST_DEPTH = 64;

/**
 * Makes a call: prepares its deadline and its abort, and makes attempts until one succeeds or none may
 * follow. Nearly all calls end with the first attempt, which costs no promise beside its own.
 * @throws DeadlineExceededError, or the reason of an abort, when the call cannot begin; Error for a circle of
 *   calls
 */
export function callService(
  dependencies: ServiceCallDependencies,
  service: string,
  request: CallRequest,
  options: CallPolicies,
): Promise<CallResponse> {
  const started = startCall(dependencies, service, request, options);
  const { content } = request;
  if (content === undefined) return attempts(dependencies, started, options);
  return begun(content, started.call.abort).then(
    () => attempts(dependencies, started, options),
    (error: unknown) => {
      started.cancellation.dispose();
      throw reportError(started.call.reporter, error);
    },
  );
}

function attempts(
  dependencies: ServiceCallDependencies,
  { call, cancellation }: StartedCall<CallRequest>,
  options: CallPolicies,
): Promise<CallResponse> {
  try {
    return firstAttempt(dependencies, call, options, cancellation);
  } catch (error) {
    cancellation.dispose();
    throw error;
  }
}

/** The options that the repetitions of a call depend on. */
export interface RepetitionOptions {
  /** @default 2 */
  readonly retries?: number | undefined;
  /** Set where the call holds a permit, which it should not keep from others by a long wait. */
  readonly maxConcurrent?: number | undefined;
}

export interface StartedCall<R extends CallRequest> {
  readonly call: OngoingCall<R>;
  /** To be disposed of when the call has ended. */
  readonly cancellation: Cancellation;
  /** The deadline is that of the running request, which aborts the call as long as it holds. */
  readonly isBounded: boolean;
}

/** Prepares the deadline and the abort of a call. @throws as `callService` */
export function startCall<R extends CallRequest>(
  dependencies: Pick<ServiceCallDependencies, 'timeoutMs'>,
  service: string,
  request: R,
  options: Pick<CallPolicies, 'timeoutMs' | 'signal' | 'fallback'>,
): StartedCall<R> {
  const scope = currentScope();
  if (scope !== undefined && (scope.callDepth ?? 0) >= MOST_DEPTH) {
    scope.callFailed?.(true);
    throw tooDeep(service);
  }
  const deadline = deadlineOf(scope, options.timeoutMs, dependencies.timeoutMs ?? TIMEOUT_MS);
  const reporter = reporterOf(scope, options);
  if (deadline.passed) throw reportError(reporter, new DeadlineExceededError());
  const isBounded = deadline === scope?.deadline && scope.endsInTime !== false;
  const sources = [scope && abortOf(scope), options.signal];
  // The call has a timer of its own only where nothing else ends it at its deadline.
  const cancellation = (isBounded ? cancelWith : cancelAt)(deadline, sources);
  const { abort } = cancellation;
  if (abort.aborted) {
    cancellation.dispose();
    throw reportError(reporter, abort.reason);
  }
  const call = new OngoingCall(service, request, cancellation, scope, reporter);
  return { call, cancellation, isBounded };
}

function firstAttempt(
  dependencies: ServiceCallDependencies,
  call: OngoingCall,
  options: CallPolicies,
  { dispose }: Cancellation,
): Promise<CallResponse> {
  const { hedgeMs } = options;
  const next = (end: AttemptEnd<Received>) => conclude(dependencies, call, options, end, dispose);
  if (hedgeMs !== undefined && mayRunTwice(call.request))
    return tryHedged(dependencies, call, hedgeMs).then(next).finally(dispose);
  const admitted = admitEndpoint(dependencies, call, NO_IDS);
  if (!(admitted instanceof HttpError)) return attemptThen(dependencies, call, admitted, call.abort, next);
  return new Promise((resolve) => resolve(next({ kind: 'not-attempted', error: admitted })));
}

/** Ends the call after its first attempt, or makes it anew, or makes further ones. */
function conclude(
  dependencies: ServiceCallDependencies,
  call: OngoingCall,
  options: CallPolicies,
  first: AttemptEnd<Received>,
  dispose: () => void,
): CallResponse | Promise<CallResponse> {
  if (isDisplaced(first))
    return tryOnce(dependencies, call, call.abort).then((end) =>
      conclude(dependencies, call, options, end, dispose),
    );
  if (mayRepeat(first)) {
    const retry = retryOf(dependencies, call, options);
    const again = () => tryOnce(dependencies, call, call.abort);
    const last = retry.goOn(first, again, call).then(
      (response) => certainResponse(call, response),
      (error: unknown) => {
        throw certainError(call, error);
      },
    );
    return reported(last, call.reporter).finally(dispose);
  }
  dispose();
  if (first.kind !== 'returned') throw reportError(call.reporter, certainError(call, first.error));
  return reportResponse(call.reporter, certainResponse(call, first.value));
}

/** The repetitions of a call. */
export function retryOf(
  dependencies: ServiceCallDependencies,
  call: OngoingCall,
  { retries = RETRIES, maxConcurrent }: RepetitionOptions,
): Retry {
  const { service } = call;
  // A call that waits would keep its permit from others.
  const mostMs = maxConcurrent === undefined ? Number.POSITIVE_INFINITY : MOST_WAIT_WITH_PERMIT_MS;
  return new Retry({
    attempts: 1 + retries,
    backoff: fullJitter(BACKOFF, dependencies.random),
    budget: dependencies.budget,
    onExhausted: () => dependencies.observer?.budgetExhausted(service),
    notBeforeMs() {
      const askedMs = call.notBeforeMs;
      if (askedMs === 0 || hasOther(dependencies, call)) return 0;
      return askedMs > mostMs ? Number.POSITIVE_INFINITY : askedMs;
    },
    ...(dependencies.sleep === undefined ? {} : { sleep: dependencies.sleep }),
  });
}

/** Whether there is an endpoint that was not tried and that its breaker admits. */
function hasOther({ balancer, breaker }: ServiceCallDependencies, call: OngoingCall): boolean {
  const { service, request } = call;
  const isOut = ({ id, slot }: Endpoint): boolean => call.tried.has(id) || !breaker.admits(slot);
  return balancer.has(service, isOut, request);
}

/** Makes one attempt at an endpoint that admits it, if there is one, and that is not withdrawn meanwhile. */
function tryOnce(
  dependencies: ServiceCallDependencies,
  call: OngoingCall,
  abort: AbortSource,
): Promise<AttemptEnd<Received>> {
  const admitted = admitEndpoint(dependencies, call, NO_IDS);
  if (admitted instanceof HttpError) return Promise.resolve({ kind: 'not-attempted', error: admitted });
  const next = (end: AttemptEnd<Received>) => (isDisplaced(end) ? tryOnce(dependencies, call, abort) : end);
  return attemptThen(dependencies, call, admitted, abort, next);
}

/** Makes the first attempt, and a second one at another endpoint when the first takes long. */
function tryHedged(
  dependencies: ServiceCallDependencies,
  call: OngoingCall,
  afterMs: number,
): Promise<AttemptEnd<Received>> {
  const { breaker, budget, sleep, observer = SILENT } = dependencies;
  const { service } = call;
  const second = (signal: AbortSignal): Promise<AttemptEnd<Received>> | undefined => {
    // Endpoints that were tried are excluded: at the same endpoint the second attempt would only wait behind
    // the first.
    const admitted = admitEndpoint(dependencies, call, call.tried);
    if (admitted instanceof HttpError) return undefined;
    if (budget.withdraw()) return attemptAt(dependencies, call, admitted, new SignalAbort(signal));
    breaker.settle(admitted.endpoint.slot, admitted.ticket, 'ignored');
    observer.budgetExhausted(service);
    return undefined;
  };
  return hedged(
    {
      afterMs,
      onEnded: (outcome) => observer.hedged(service, outcome),
      ...(sleep === undefined ? {} : { sleep }),
    },
    { first: (signal) => tryOnce(dependencies, call, new SignalAbort(signal)), second },
    call,
  );
}

const tooDeep = (service: string): HttpError =>
  new HttpError(
    'INTERNAL',
    `${MOST_DEPTH} calls within this process wait for one of ${service}: let no service call itself through others without an end.`,
  );

function deadlineOf(scope: Scope | undefined, timeoutMs: number | undefined, defaultMs: number): Deadline {
  const deadline = scope?.deadline ?? Deadline.none;
  return timeoutMs === undefined ? deadline.orAfter(defaultMs) : deadline.within(timeoutMs);
}
