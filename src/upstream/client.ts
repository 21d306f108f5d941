// The client of other services: `call(service)` of the request context. For each attempt the balancer picks
// an endpoint from the registry view, its breaker admits the attempt, and a transport sends the request.
// Retry and hedging repeat attempts; a call may also be limited (`maxConcurrent`) or shared (`singleFlight`).
import { Deadline } from '../deadline.js';
import { DeadlineExceededError, HttpError, isGatewayFailure } from '../errors.js';
import { describeValue } from '../options.js';
import { type Cancellation, cancelAt, manyMayListen } from '../resilience/cancellation.js';
import { fullJitter } from '../resilience/full-jitter.js';
import { hedged } from '../resilience/hedge.js';
import type { AttemptEnd, Random, Sleep } from '../resilience/policy.js';
import { Retry } from '../resilience/retry.js';
import { currentScope, type Scope } from '../scope.js';
import { isServiceName } from '../service-name.js';
import type { Balancer } from './balancer.js';
import type { Call, CallOptions, CallResponse, ServiceClient } from './call.js';
import { type AttemptDependencies, attemptAt, type OngoingCall } from './call-attempt.js';
import { SILENT } from './call-observer.js';
import { type CallRequest, checkedRequest } from './call-request.js';
import { admitEndpoint } from './endpoint-admission.js';
import { type MaxConcurrentDependencies, withinMaxConcurrent } from './max-concurrent.js';
import { type MakeCall, shareCall } from './shared-call.js';
import type { SingleFlight } from './single-flight.js';

export interface CallDependencies extends AttemptDependencies, MaxConcurrentDependencies {
  readonly balancer: Pick<Balancer, 'pick' | 'knows'>;
  readonly singleFlight: SingleFlight;
  readonly random: Random;
  readonly sleep?: Sleep;
  /**
   * Milliseconds that a call outside of any request may take.
   * @default 30000
   */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
/** The default number of attempts beyond the first. */
const RETRIES = 2;
const BACKOFF = { baseMs: 25, maxMs: 1_000 };
/** The idempotent methods of RFC 9110 section 9.2.2, without TRACE, which cannot be called. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const NO_IDS: ReadonlySet<string> = new Set();

export function createCall(dependencies: CallDependencies): Call {
  return (service) => {
    if (!isServiceName(service)) {
      throw new TypeError(
        `call: ${describeValue(service)} is not a service name; give one, as in call('orders')`,
      );
    }
    const make: MakeCall = (request, options) => {
      const run = () => callService(dependencies, service, request, options);
      const { maxConcurrent } = options;
      return maxConcurrent === undefined
        ? run()
        : withinMaxConcurrent(dependencies, service, maxConcurrent, run);
    };
    const send: ServiceClient['request'] = async (method, path, options = {}) => {
      const request = checkedRequest(method, path, options);
      return reported(
        options.singleFlight === true
          ? shareCall(dependencies, service, make, request, options)
          : make(request, options),
      );
    };
    return {
      request: send,
      get: (path, options) => send('GET', path, options),
      post: (path, options) => send('POST', path, options),
      put: (path, options) => send('PUT', path, options),
      patch: (path, options) => send('PATCH', path, options),
      delete: (path, options) => send('DELETE', path, options),
    };
  };
}

/**
 * Reports a gateway failure of the call to the running request. When that request fails because of it, its
 * response is marked as final, so that its caller does not repeat it (see `Received.isFinal`).
 */
async function reported(call: Promise<CallResponse>): Promise<CallResponse> {
  const scope = currentScope();
  try {
    const response = await call;
    if (isGatewayFailure(response.status)) scope?.callFailed?.();
    return response;
  } catch (error) {
    if (error instanceof HttpError && isGatewayFailure(error.status)) scope?.callFailed?.();
    throw error;
  }
}

/**
 * Makes a call: prepares its deadline and its signal, and makes attempts until one succeeds or none may
 * follow.
 */
async function callService(
  dependencies: CallDependencies,
  service: string,
  request: CallRequest,
  options: CallOptions,
): Promise<CallResponse> {
  const scope = currentScope();
  const deadline = deadlineOf(scope, options.timeoutMs, dependencies.timeoutMs ?? TIMEOUT_MS);
  if (deadline.passed) throw new DeadlineExceededError();

  const cancellation = cancellationOf(scope, deadline, options.signal);
  const { signal } = cancellation;
  try {
    signal.throwIfAborted();
    const tried = new Set<string>();
    const call = { ...request, service, deadline, signal, scope, tried, attempts: 0 };
    const repeatable = mayBeRepeated(request);
    const { hedgeMs, retries = RETRIES } = options;
    const retry = new Retry({
      attempts: 1 + (repeatable ? retries : 0),
      backoff: fullJitter(BACKOFF, dependencies.random),
      budget: dependencies.budget,
      onExhausted: () => dependencies.observer?.budgetExhausted(service),
      ...(dependencies.sleep === undefined ? {} : { sleep: dependencies.sleep }),
    });
    return await retry.run(
      (attempt) =>
        attempt === 1 && repeatable && hedgeMs !== undefined
          ? tryHedged(dependencies, call, hedgeMs)
          : tryOnce(dependencies, call, signal),
      { deadline, signal },
    );
  } finally {
    cancellation.dispose();
  }
}

/** Makes one attempt at an endpoint that admits it, if there is one. */
async function tryOnce(
  dependencies: CallDependencies,
  call: OngoingCall,
  signal: AbortSignal,
): Promise<AttemptEnd<CallResponse>> {
  const admitted = admitEndpoint(dependencies, call, NO_IDS);
  if (admitted instanceof HttpError) return { kind: 'not-attempted', error: admitted };
  return attemptAt(dependencies, call, admitted, signal);
}

/** Makes the first attempt, and a second one at another endpoint when the first takes long. */
function tryHedged(
  dependencies: CallDependencies,
  call: OngoingCall,
  afterMs: number,
): Promise<AttemptEnd<CallResponse>> {
  const { breaker, budget, sleep, observer = SILENT } = dependencies;
  const { service } = call;
  const second = (signal: AbortSignal): Promise<AttemptEnd<CallResponse>> | undefined => {
    // Endpoints that were tried are excluded: at the same endpoint the second attempt would only wait behind
    // the first.
    const admitted = admitEndpoint(dependencies, call, call.tried);
    if (admitted instanceof HttpError) return undefined;
    if (budget.withdraw()) return attemptAt(dependencies, call, admitted, signal);
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
    { first: (signal) => tryOnce(dependencies, call, signal), second },
    call,
  );
}

function deadlineOf(scope: Scope | undefined, timeoutMs: number | undefined, defaultMs: number): Deadline {
  if (scope === undefined) return Deadline.after(timeoutMs ?? defaultMs);
  return timeoutMs === undefined ? scope.deadline : scope.deadline.within(timeoutMs);
}

/** Uses the signal of the request itself when the call adds neither a deadline nor a signal. */
function cancellationOf(
  scope: Scope | undefined,
  deadline: Deadline,
  given: AbortSignal | undefined,
): Cancellation {
  if (scope !== undefined && deadline === scope.deadline && (given === undefined || given === scope.signal)) {
    manyMayListen(scope.signal);
    return { signal: scope.signal, dispose: () => undefined };
  }
  return cancelAt(deadline, [scope?.signal, given]);
}

/** Only a request that may be executed twice is repeated, whatever the options are. */
function mayBeRepeated({ method, headers }: CallRequest): boolean {
  return IDEMPOTENT.has(method) || headers['idempotency-key'] !== undefined;
}
