// `call(service)`: view -> balancer -> breaker -> transport, repeated within the retry policy.
import { Deadline } from '../deadline.js';
import { DeadlineExceededError, HttpError, UnavailableError } from '../errors.js';
import { fullJitter } from '../resilience/backoff.js';
import type { Breaker } from '../resilience/breaker.js';
import type { Random, RetryBudget, Sleep, Tried } from '../resilience/policy.js';
import { Retry } from '../resilience/retry.js';
import { type Cancellation, cancelAt, manyMayListen } from '../resilience/timeout.js';
import { currentScope, type Scope, type TraceContext } from '../scope.js';
import type { Balancer } from './balancer.js';
import { type PlacesOf, withinPlaces } from './bounded.js';
import type { Call, CallOptions, CallResponse, ServiceClient } from './call.js';
import type { Endpoint } from './endpoint.js';
import { type CallObserver, SILENT } from './observer.js';
import { type OutgoingContent, outgoingContent, outgoingMethod, outgoingPath } from './outgoing.js';
import { NOT_WATCHED, type OutlierWatch } from './outliers.js';
import { type MakeCall, shareCall } from './shared-call.js';
import type { SingleFlight } from './single-flight.js';
import type { Transport } from './transport.js';
import { judgeError, judgeResponse } from './verdict.js';

/** Load of the endpoints, as this thread adds to it. */
export interface LoadMeter {
  begin(slot: number): void;
  end(slot: number): void;
  observe(slot: number, microseconds: number): void;
}

export interface CallDependencies {
  readonly balancer: Pick<Balancer, 'pick'>;
  readonly breaker: Breaker;
  readonly load: LoadMeter;
  /** Without one nobody is ejected. */
  readonly outliers?: OutlierWatch;
  readonly budget: RetryBudget;
  /** A call that succeeds after this many milliseconds has failed all the same; 0: none. Default 0. */
  readonly slowCallMs?: number;
  readonly placesOf: PlacesOf;
  readonly flights: SingleFlight;
  readonly transports: { readonly http: Transport; readonly inProcess?: Transport };
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly random: Random;
  readonly sleep?: Sleep;
  /** Writes the trace fields of an outgoing request. */
  readonly propagate?: (trace: TraceContext, headers: Record<string, string>) => void;
  readonly observer?: CallObserver;
  /** Opens `internal` routes of cooperating processes; sent to instances of our registry only. */
  readonly meshToken?: string | undefined;
  /** For a call outside of any request. Default 30 s. */
  readonly timeoutMs?: number;
}

export const MESH_TOKEN_HEADER = 'x-mesh-token';
export const DEADLINE_HEADER = 'x-request-deadline';
const REQUEST_ID_HEADER = 'x-request-id';

const TIMEOUT_MS = 30_000;
/** What a caller is told to wait while an operator holds the breaker open. */
const FORCED_OPEN_RETRY_S = 5;
const RETRIES = 2;
const BACKOFF = { baseMs: 25, maxMs: 1_000 };
/** RFC 9110 section 9.2.2, as far as they can be called. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const NOBODY: ReadonlySet<string> = new Set();
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** One call, over all its attempts. */
interface Outgoing extends OutgoingContent {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
  readonly scope: Scope | undefined;
  /** Ids of the endpoints that were tried. */
  readonly tried: Set<string>;
}

export function createCall(dependencies: CallDependencies): Call {
  return (service) => {
    if (!NAME.test(service)) throw new TypeError(`call: ${JSON.stringify(service)} is not a service name`);
    const make: MakeCall = (method, path, options) => {
      const run = () => callService(dependencies, service, method, path, options);
      const { maxConcurrent } = options;
      return maxConcurrent === undefined
        ? run()
        : withinPlaces(dependencies.placesOf, service, maxConcurrent, run);
    };
    const request: ServiceClient['request'] = async (method, path, options = {}) =>
      options.singleFlight === true
        ? shareCall(dependencies, service, make, method, path, options)
        : make(method, path, options);
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

async function callService(
  dependencies: CallDependencies,
  service: string,
  givenMethod: string,
  givenPath: string,
  options: CallOptions,
): Promise<CallResponse> {
  const method = outgoingMethod(givenMethod);
  const path = outgoingPath(givenPath, options.query);
  const content = outgoingContent(options);
  const scope = currentScope();
  const deadline = deadlineOf(scope, options.timeoutMs, dependencies.timeoutMs ?? TIMEOUT_MS);
  if (deadline.passed) throw new DeadlineExceededError();

  const cancellation = cancellationOf(scope, deadline, options.signal);
  const { signal } = cancellation;
  try {
    signal.throwIfAborted();
    const outgoing = { ...content, service, method, path, deadline, signal, scope, tried: new Set<string>() };
    const retry = new Retry({
      attempts: 1 + retriesOf(method, content, options.retries),
      backoff: fullJitter(BACKOFF, dependencies.random),
      budget: dependencies.budget,
      onExhausted: () => dependencies.observer?.budgetExhausted(service),
      ...(dependencies.sleep === undefined ? {} : { sleep: dependencies.sleep }),
    });
    return await retry.run((attempt) => tryOnce(dependencies, outgoing, attempt), { deadline, signal });
  } finally {
    cancellation.dispose();
  }
}

async function tryOnce(
  dependencies: CallDependencies,
  outgoing: Outgoing,
  attempt: number,
): Promise<Tried<CallResponse>> {
  const admitted = admit(dependencies, outgoing);
  if (admitted instanceof HttpError) return { kind: 'untried', error: admitted };
  const { endpoint, ticket } = admitted;
  outgoing.tried.add(endpoint.id);
  if (attempt === 1) dependencies.budget.deposit();

  const { breaker, load, clock, outliers = NOT_WATCHED, slowCallMs = 0, observer = SILENT } = dependencies;
  const observation = observer.attempt(
    endpoint,
    outgoing.method,
    outgoing.path.split('?', 1)[0]!,
    attempt,
    outgoing.scope?.trace,
  );
  const begun = clock();
  load.begin(endpoint.slot);
  const result = await send(dependencies, outgoing, endpoint, observation.trace);
  load.end(endpoint.slot);

  const tookMs = clock() - begun;
  const verdict =
    result.kind === 'answered' ? judgeResponse(result.value) : judgeError(result.error, outgoing.signal);
  const slow = verdict.outcome === 'success' && slowCallMs > 0 && tookMs >= slowCallMs;
  breaker.settle(endpoint.slot, ticket, slow ? 'failure' : verdict.outcome);
  outliers.ended(endpoint, verdict.reached);
  // A quick refusal must not make an endpoint look fast.
  if (verdict.outcome === 'success') load.observe(endpoint.slot, tookMs * 1000);
  const seen = result.kind === 'answered' ? { status: result.value.status } : { error: result.error };
  observation.end(seen, Math.round(tookMs * 1000));
  return { ...result, again: verdict.again };
}

/** An endpoint whose breaker lets the call through; those that refuse are passed over without an attempt. */
function admit(
  { balancer, breaker }: CallDependencies,
  { service, tried }: Outgoing,
): { readonly endpoint: Endpoint; readonly ticket: number } | HttpError {
  let refused = NOBODY;
  let retryInMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const endpoint = balancer.pick(service, tried, refused);
    if (endpoint === undefined) break;
    const ticket = breaker.admit(endpoint.slot);
    if (ticket >= 0) return { endpoint, ticket };
    refused = new Set(refused).add(endpoint.id);
    retryInMs = Math.min(retryInMs, breaker.retryInMs(endpoint.slot));
  }
  if (refused.size === 0) {
    return new UnavailableError('NO_INSTANCE', `No instance of service ${service} is known.`);
  }
  const seconds = Number.isFinite(retryInMs) ? Math.max(1, Math.ceil(retryInMs / 1000)) : FORCED_OPEN_RETRY_S;
  return new UnavailableError('BREAKER_OPEN', `The breaker of service ${service} is open.`, seconds);
}

type Sent =
  | { readonly kind: 'answered'; readonly value: CallResponse }
  | { readonly kind: 'failed'; readonly error: unknown };

async function send(
  dependencies: CallDependencies,
  outgoing: Outgoing,
  endpoint: Endpoint,
  trace: TraceContext | undefined,
): Promise<Sent> {
  const { http, inProcess } = dependencies.transports;
  const transport = endpoint.local && inProcess !== undefined ? inProcess : http;
  const { method, path, body, deadline, signal } = outgoing;
  try {
    const headers = headersOf(dependencies, outgoing, trace);
    const value = await transport.send(endpoint, { method, path, headers, body, deadline, signal });
    return { kind: 'answered', value };
  } catch (error) {
    // Whoever aborts at the deadline may give any reason; what callers get is the typed one.
    const late = signal.aborted && deadline.passed && !(error instanceof HttpError);
    return { kind: 'failed', error: late ? new DeadlineExceededError() : error };
  }
}

function headersOf(
  { meshToken, propagate }: CallDependencies,
  { headers: given, deadline, scope }: Outgoing,
  trace: TraceContext | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { ...given };
  headers[DEADLINE_HEADER] = String(Math.max(1, Math.floor(deadline.remainingMs())));
  if (scope !== undefined) headers[REQUEST_ID_HEADER] = scope.requestId;
  if (trace !== undefined) propagate?.(trace, headers);
  if (meshToken !== undefined) headers[MESH_TOKEN_HEADER] = meshToken;
  return headers;
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
function retriesOf(method: string, { headers }: OutgoingContent, asked: number | undefined): number {
  if (!IDEMPOTENT.has(method) && headers['idempotency-key'] === undefined) return 0;
  const retries = asked ?? RETRIES;
  if (!(Number.isInteger(retries) && retries >= 0))
    throw new TypeError('call: retries must be a whole number');
  return retries;
}
