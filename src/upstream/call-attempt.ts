// One attempt of a call: it sends the request to an endpoint, and reports the end to the breaker, the outlier
// ejection and the load of that endpoint.
import { types } from 'node:util';
import type { AbortSource } from '../abort-source.js';
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError, HttpError } from '../errors.js';
import { Hold } from '../hold.js';
import { MESH_TOKEN_HEADER } from '../mesh-token.js';
import { HedgeLostError } from '../resilience/hedge.js';
import { isEvidence, UNWATCHED, type Watch } from '../resilience/loop-watch.js';
import type { AttemptEnd, RetryBudget } from '../resilience/policy.js';
import type { TraceContext } from '../scope.js';
import { type AttemptObservation, type AttemptResult, type CallObserver, SILENT } from './call-observer.js';
import { type CallRequest, mayRunTwice, NO_FIELDS } from './call-request.js';
import type { AdmittedEndpoint, EndpointAdmissionDependencies } from './endpoint-admission.js';
import { type ReportTaker, takeReport } from './load-report.js';
import type { OngoingCall } from './ongoing-call.js';
import { NOT_WATCHED, type OutlierWatch } from './outliers.js';
import { STATUS_FIELD } from './rpc-fields.js';
import type { OutgoingRequest, Received, Transport } from './transport.js';
import { isLate, judge, type TransportResult, type Verdict, withoutEvidence } from './verdict.js';

/**
 * Counts the calls of this thread, and what endpoints report, as load of their endpoints
 * (memory/endpoint-cells.ts).
 */
export interface LoadMeter extends ReportTaker {
  begin(slot: number): void;
  end(slot: number): void;
  /** A call has succeeded after this time. */
  observe(slot: number, microseconds: number): void;
  /** A call has failed because of the endpoint. */
  failed(slot: number): void;
}

export interface AttemptDependencies extends EndpointAdmissionDependencies {
  /** @default none: no endpoint is ejected */
  readonly outliers?: OutlierWatch;
  readonly load: LoadMeter;
  readonly budget: RetryBudget;
  /**
   * A success that took this many milliseconds or more counts as a failure; 0: no call is too slow.
   * @default 0
   */
  readonly slowCallMs?: number;
  readonly transports: {
    readonly http: Transport;
    readonly grpc?: Transport;
    readonly inProcess?: Transport;
  };
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /**
   * Measures the time that this thread misses during a call.
   * @default none: all time counts
   */
  readonly watch?: Watch;
  /** Adds the trace fields of an outgoing request to its headers. */
  readonly propagate?: (trace: TraceContext, headers: Record<string, string>) => void;
  readonly observer?: CallObserver;
  /**
   * @returns the field value that admits a request to the `internal` routes of a service; see mesh-token.ts
   */
  readonly meshToken?: ((service: string) => string) | undefined;
}

const DEADLINE_HEADER = 'x-request-deadline';
const REQUEST_ID_HEADER = 'x-request-id';

/** The request of one attempt, as its transport gets it. */
class AttemptRequest implements OutgoingRequest {
  readonly protocol: CallRequest['protocol'];
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
  readonly deadline: Deadline;
  readonly abort: AbortSource;
  isWaiting = false;

  constructor({ request, deadline }: OngoingCall, headers: Record<string, string>, abort: AbortSource) {
    this.protocol = request.protocol;
    this.method = request.method;
    this.path = request.path;
    this.headers = headers;
    this.body = request.body;
    this.deadline = deadline;
    this.abort = abort;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }
}

/**
 * A running attempt. While it runs it counts as load of its endpoint and holds a ticket of the breaker; when
 * the request is interrupted, it releases both.
 */
export class Attempt extends Hold {
  readonly #dependencies: AttemptDependencies;
  readonly #call: OngoingCall;
  readonly #admitted: AdmittedEndpoint;
  readonly #abort: AbortSource;
  readonly #observation: AttemptObservation;
  readonly #begun: number;
  #request: Pick<OutgoingRequest, 'isWaiting'> | undefined;
  /** The result of `watch.begin`. */
  readonly #mark: number;

  constructor(
    dependencies: AttemptDependencies,
    call: OngoingCall,
    admitted: AdmittedEndpoint,
    abort: AbortSource,
  ) {
    super();
    const { load, budget, clock, watch = UNWATCHED, observer = SILENT } = dependencies;
    const { endpoint } = admitted;
    const { request, scope } = call;
    this.#dependencies = dependencies;
    this.#call = call;
    this.#admitted = admitted;
    this.#abort = abort;
    const attempt = call.countAttempt(endpoint.id);
    if (attempt === 1) budget.deposit();
    const mark = request.path.indexOf('?');
    const path = mark === -1 ? request.path : request.path.slice(0, mark);
    this.#observation = observer.attempt(endpoint, request.method, path, attempt, scope?.trace);
    this.#begun = clock();
    this.#mark = watch.begin();
    load.begin(endpoint.slot);
    this.take(scope?.holds);
  }

  override end(): boolean {
    if (!super.end()) return false;
    const { load, watch = UNWATCHED } = this.#dependencies;
    load.end(this.#admitted.endpoint.slot);
    watch.end();
    return true;
  }

  protected override onRelease(): void {
    const { endpoint, ticket } = this.#admitted;
    this.#dependencies.breaker.settle(endpoint.slot, ticket, 'ignored');
  }

  /** The trace context to send. */
  get trace(): TraceContext | undefined {
    return this.#observation.trace;
  }

  /** Call when a request is passed to a transport, which reports in `isWaiting` whether it was sent. */
  sends(request: Pick<OutgoingRequest, 'isWaiting'>): void {
    this.#request = request;
  }

  /** Never throws. */
  send(): Promise<Received> {
    const { endpoint } = this.#admitted;
    const { transports, meshToken } = this.#dependencies;
    const { inProcess } = transports;
    const isRemote = !endpoint.local || inProcess === undefined || this.#call.request.overNetwork === true;
    const transport = isRemote ? transports[endpoint.protocol]! : inProcess;
    try {
      const headers = headersOf(this.#dependencies, this.#call, this.trace);
      if (isRemote && meshToken !== undefined) headers[MESH_TOKEN_HEADER] = meshToken(endpoint.service);
      const request = new AttemptRequest(this.#call, headers, this.#abort);
      this.sends(request);
      return transport.send(endpoint, request);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  returned(value: Received): Extract<AttemptEnd<Received>, { kind: 'returned' }> {
    const { status, headers } = value;
    const seen = { status, rpcStatus: headers[STATUS_FIELD] };
    const mayRepeat = this.#settle({ kind: 'returned', value }, seen);
    if (mayRepeat) this.#call.askedToWait(retryAfterMs(value));
    if (value.load !== undefined) this.#takeReport(value.load);
    return { kind: 'returned', value, mayRepeat };
  }

  failed(thrown: unknown): Extract<AttemptEnd<Received>, { kind: 'failed' }> {
    // The signal may abort with any reason, even one that cannot be inspected. When the deadline has passed,
    // callers get DeadlineExceededError.
    const readable = types.isProxy(thrown) ? undefined : thrown;
    const known = readable instanceof HttpError || readable instanceof HedgeLostError;
    const late = this.#abort.aborted && this.#call.deadline.passed && !known;
    const error = late ? new DeadlineExceededError() : thrown;
    const seen = late ? error : readable;
    const mayRepeat = this.#settle({ kind: 'failed', error: seen }, { error: seen });
    return { kind: 'failed', error, mayRepeat };
  }

  #takeReport(text: string): void {
    const { load, observer = SILENT } = this.#dependencies;
    const { service, slot } = this.#admitted.endpoint;
    if (!takeReport(text, slot, load)) observer.reportRejected(service);
  }

  /** Reports the end to all that have to know it. @returns whether the attempt may be repeated */
  #settle(result: TransportResult, seen: AttemptResult): boolean {
    const { clock, watch = UNWATCHED } = this.#dependencies;
    const ended = clock();
    const tookMs = ended - this.#begun;
    const missedMs = watch.missedSince(this.#mark);
    const wasSent = this.#request?.isWaiting !== true;
    const judged = judge(result, this.#abort, this.#call.deadline, tookMs, wasSent);
    const { content } = this.#call.request;
    // The time until a body has arrived is that of the client who sends it.
    const isTimed = content === undefined || content.endedAt !== undefined;
    const ownMs = tookMs - Math.max(0, (content?.endedAt ?? 0) - this.#begun);
    const isEvident = isEvidence(tookMs, missedMs) && (isTimed || !isTimeout(result));
    const verdict = isEvident ? judged : withoutEvidence(judged);
    if (this.end())
      settle(this.#dependencies, this.#admitted, verdict, { ended, tookMs: ownMs, missedMs, isTimed });
    this.#observation.end(seen, Math.round(tookMs * 1000));
    const { hasNotRun = false } = verdict;
    if (hasNotRun) this.#call.countNotRun();
    return verdict.mayRepeat && (hasNotRun || mayRunTwice(this.#call.request));
  }
}

/** Makes one attempt at an endpoint that admitted it. Never rejects. */
export function attemptAt(
  dependencies: AttemptDependencies,
  call: OngoingCall,
  admitted: AdmittedEndpoint,
  abort: AbortSource,
): Promise<AttemptEnd<Received>> {
  return attemptThen(dependencies, call, admitted, abort, (end) => end);
}

/** Does the same, and then what follows: without a promise for that. @returns its result */
export function attemptThen<R>(
  dependencies: AttemptDependencies,
  call: OngoingCall,
  admitted: AdmittedEndpoint,
  abort: AbortSource,
  next: (end: AttemptEnd<Received>) => R | Promise<R>,
): Promise<R> {
  const attempt = new Attempt(dependencies, call, admitted, abort);
  return attempt.send().then(
    (value) => next(attempt.returned(value)),
    (error: unknown) => next(attempt.failed(error)),
  );
}

/** When an attempt ended, how long it took, and how many milliseconds of that this thread has missed. */
interface Timing {
  readonly ended: number;
  readonly tookMs: number;
  readonly missedMs: number;
  /** False: it is not known how much of the time was that of a client who sent a body. */
  readonly isTimed: boolean;
}

/** Whether the endpoint has not responded in time, as far as it can be seen here. */
const isTimeout = (result: TransportResult): boolean =>
  result.kind === 'returned' ? result.value.status === 504 : isLate(result.error);

/** Reports what an attempt shows about its endpoint to the breaker, the ejection and the load. */
function settle(
  { breaker, outliers = NOT_WATCHED, load, slowCallMs = 0 }: AttemptDependencies,
  { endpoint, ticket }: AdmittedEndpoint,
  verdict: Verdict,
  { ended, tookMs, missedMs, isTimed }: Timing,
): void {
  // A success that took longer than `slowCallMs` counts as a failure, so a call that ended without a result
  // after that time counts as one as well, whatever its deadline was.
  const mayBeSlow = verdict.outcome === 'success' || verdict.isUntimely === true;
  const isLong = isTimed && mayBeSlow && slowCallMs > 0 && tookMs >= slowCallMs;
  const slow = tookMs - missedMs >= slowCallMs ? 'failure' : 'ignored';
  breaker.settle(endpoint.slot, ticket, isLong ? slow : verdict.outcome, ended);
  outliers.ended(endpoint, verdict.reached);
  // A quick failure or refusal must not make an endpoint look fast.
  if (verdict.outcome === 'success') {
    if (isTimed) load.observe(endpoint.slot, Math.max(0, tookMs - missedMs) * 1000);
  } else if (verdict.outcome === 'failure') load.failed(endpoint.slot);
}

/** The time for which a callee asks not to be called again (RFC 9110 section 10.2.3). */
function retryAfterMs({ status, headers }: Received): number {
  const { 'retry-after': value } = headers;
  if (status !== 503 || value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}

/** The fields of an attempt: those of its call, and those that the runtime sets. */
export function headersOf(
  { propagate }: Pick<AttemptDependencies, 'propagate'>,
  { request, deadline, scope }: OngoingCall,
  trace: TraceContext | undefined,
): Record<string, string> {
  const left = String(Math.max(1, Math.floor(deadline.remainingMs())));
  const given = request.headers;
  const headers: Record<string, string> =
    given === NO_FIELDS ? { [DEADLINE_HEADER]: left } : { ...given, [DEADLINE_HEADER]: left };
  if (scope !== undefined) headers[REQUEST_ID_HEADER] = scope.requestId;
  if (trace !== undefined) propagate?.(trace, headers);
  return headers;
}
