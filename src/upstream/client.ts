// `call(service)`: view -> balancer -> breaker -> transport, repeated within the retry policy.
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
import { type AttemptDependencies, admit, type Outgoing, tryAt } from './call-attempt.js';
import { SILENT } from './call-observer.js';
import { type Asked, outgoing as outgoingRequest } from './call-request.js';
import { type MaxConcurrentDependencies, withinMaxConcurrent } from './max-concurrent.js';
import { type MakeCall, shareCall } from './shared-call.js';
import type { SingleFlight } from './single-flight.js';

export interface CallDependencies extends AttemptDependencies, MaxConcurrentDependencies {
  readonly balancer: Pick<Balancer, 'pick' | 'knows'>;
  readonly singleFlight: SingleFlight;
  readonly random: Random;
  readonly sleep?: Sleep;
  /** For a call outside of any request. Default 30 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
/** Beyond the first attempt. */
const RETRIES = 2;
const BACKOFF = { baseMs: 25, maxMs: 1_000 };
/** RFC 9110 section 9.2.2, as far as they can be called. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const NOBODY: ReadonlySet<string> = new Set();

export function createCall(dependencies: CallDependencies): Call {
  return (service) => {
    if (!isServiceName(service)) {
      throw new TypeError(
        `call: ${describeValue(service)} is not a service name; give one, as in call('orders')`,
      );
    }
    const make: MakeCall = (asked, options) => {
      const run = () => callService(dependencies, service, asked, options);
      const { maxConcurrent } = options;
      return maxConcurrent === undefined
        ? run()
        : withinMaxConcurrent(dependencies, service, maxConcurrent, run);
    };
    const request: ServiceClient['request'] = async (method, path, options = {}) => {
      const asked = outgoingRequest(method, path, options);
      return reported(
        options.singleFlight === true
          ? shareCall(dependencies, service, make, asked, options)
          : make(asked, options),
      );
    };
    return {
      request,
      get: (path, options) => request('GET', path, options),
      post: (path, options) => request('POST', path, options),
      put: (path, options) => request('PUT', path, options),
      patch: (path, options) => request('PATCH', path, options),
      delete: (path, options) => request('DELETE', path, options),
    };
  };
}

/** The request that makes the call learns of its failure, so that it can mark what it passes on as final. */
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

async function callService(
  dependencies: CallDependencies,
  service: string,
  asked: Asked,
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
    const outgoing = { ...asked, service, deadline, signal, scope, tried, attempts: 0 };
    const repeatable = mayBeRepeated(asked);
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
          ? tryHedged(dependencies, outgoing, hedgeMs)
          : tryOnce(dependencies, outgoing, signal),
      { deadline, signal },
    );
  } finally {
    cancellation.dispose();
  }
}

async function tryOnce(
  dependencies: CallDependencies,
  outgoing: Outgoing,
  signal: AbortSignal,
): Promise<AttemptEnd<CallResponse>> {
  const admitted = admit(dependencies, outgoing, NOBODY);
  if (admitted instanceof HttpError) return { kind: 'not-attempted', error: admitted };
  return tryAt(dependencies, outgoing, admitted, signal);
}

function tryHedged(
  dependencies: CallDependencies,
  outgoing: Outgoing,
  afterMs: number,
): Promise<AttemptEnd<CallResponse>> {
  const { breaker, budget, sleep, observer = SILENT } = dependencies;
  const { service } = outgoing;
  const second = (signal: AbortSignal): Promise<AttemptEnd<CallResponse>> | undefined => {
    // Where the first one is, another would only wait behind it.
    const admitted = admit(dependencies, outgoing, outgoing.tried);
    if (admitted instanceof HttpError) return undefined;
    if (budget.withdraw()) return tryAt(dependencies, outgoing, admitted, signal);
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
    { first: (signal) => tryOnce(dependencies, outgoing, signal), second },
    outgoing,
  );
}

function deadlineOf(scope: Scope | undefined, timeoutMs: number | undefined, defaultMs: number): Deadline {
  if (scope === undefined) return Deadline.after(timeoutMs ?? defaultMs);
  return timeoutMs === undefined ? scope.deadline : scope.deadline.within(timeoutMs);
}

/** The signal of the request will do when the call adds nothing to it. */
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

/** Only what may be done twice is repeated, whatever the caller asks for. */
function mayBeRepeated({ method, headers }: Asked): boolean {
  return IDEMPOTENT.has(method) || headers['idempotency-key'] !== undefined;
}
