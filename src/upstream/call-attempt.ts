// One attempt of a call: it sends the request to an endpoint, and reports the end to the breaker, the outlier
// ejection and the load of that endpoint.
import type { AbortSource } from '../abort-source.js';
import { isHttpError, isInspectable } from '../error-type.js';
import { DeadlineExceededError, HttpError } from '../errors.js';
import { Hold } from '../hold.js';
import { MESH_TOKEN_HEADER } from '../mesh-token.js';
import { HedgeLostError } from '../resilience/hedge.js';
import { isEvidence, UNWATCHED, type Watch } from '../resilience/loop-watch.js';
import type { AttemptEnd, RetryBudget } from '../resilience/policy.js';
import type { TraceContext } from '../scope.js';
import { breakerOutcome, type Judgement, type OutcomeDependencies, settle } from './attempt-outcome.js';
import { AttemptRequest, headersOf, type TracePropagation } from './attempt-request.js';
import { type AttemptObservation, type AttemptResult, type CallObserver, SILENT } from './call-observer.js';
import { mayRunTwice } from './call-request.js';
import type { AdmittedEndpoint, EndpointAdmissionDependencies } from './endpoint-admission.js';
import { takeReport } from './load-report.js';
import type { OngoingCall } from './ongoing-call.js';
import { STATUS_FIELD } from './rpc-fields.js';
import type { OutgoingRequest, Received, Transport } from './transport.js';
import { DisplacedError } from './transport-errors.js';
import {
  HANGS_MS,
  isLate,
  judge,
  judgeBody,
  type TransportResult,
  type Verdict,
  withoutEvidence,
} from './verdict.js';

export interface AttemptDependencies
  extends EndpointAdmissionDependencies,
    OutcomeDependencies,
    TracePropagation {
  readonly budget: RetryBudget;
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
  readonly observer?: CallObserver;
  /**
   * @returns the field value that admits a request to the `internal` routes of a service; see mesh-token.ts
   */
  readonly meshToken?: ((service: string) => string) | undefined;
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
  /** What the head of a response has shown whose body had not ended. */
  #head: Judgement | undefined;
  #isProbeSettled = false;
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
    if (this.#isProbeSettled) return;
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
      const { length = -1 } = this.#call.request.content ?? {};
      if (length >= 0) headers['content-length'] = String(length);
      const request = new AttemptRequest(this.#call, headers, this.#abort);
      this.sends(request);
      return transport.send(endpoint, request);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  returned(value: Received): Extract<AttemptEnd<Received>, { kind: 'returned' }> {
    const judgement = this.#judge({ kind: 'returned', value });
    this.#report(judgement);
    return this.#returnedAs(value, judgement);
  }

  /**
   * Call when a response has begun, and `closed` when its body has ended. Until then the attempt counts as
   * load of its endpoint and has no outcome, because the body may break. A half-open breaker alone gets the
   * outcome of the beginning: it waits for its probes, and a body may take hours.
   */
  opened(value: Received): Extract<AttemptEnd<Received>, { kind: 'returned' }> {
    const judgement = this.#judge({ kind: 'returned', value });
    this.#head = judgement;
    const { breaker, slowCallMs } = this.#dependencies;
    const { endpoint, ticket } = this.#admitted;
    if (breaker.isProbe(ticket)) {
      breaker.settle(endpoint.slot, ticket, breakerOutcome(judgement, slowCallMs));
      this.#isProbeSettled = true;
    }
    return this.#returnedAs(value, judgement);
  }

  /**
   * Call when a body has ended whose response was opened. What the head has shown holds, unless the endpoint
   * has cut the body off, or has let its reader wait until the reader has left or a deadline has passed.
   * @param failure undefined: the body is complete
   * @param waitedMs for how long the reader had waited in vain
   */
  closed(failure: unknown, waitedMs: number): void {
    const head = this.#head!;
    if (failure === undefined) {
      this.#report(head);
      return;
    }
    const error = isInspectable(failure) ? failure : undefined;
    const end = this.#judge({ kind: 'failed', error }, waitedMs);
    const { outcome, isUnanswered } = end.verdict;
    this.#report(outcome === 'failure' || isUnanswered === true ? end : head);
  }

  failed(thrown: unknown): Extract<AttemptEnd<Received>, { kind: 'failed' }> {
    // The signal may abort with any reason, even one that cannot be inspected. When the deadline has passed,
    // callers get DeadlineExceededError.
    const readable = isInspectable(thrown) ? thrown : undefined;
    const known = readable instanceof HttpError || readable instanceof HedgeLostError;
    const late = this.#abort.aborted && this.#call.deadline.passed && !known;
    const error = late ? new DeadlineExceededError() : thrown;
    const seen = late ? error : readable;
    const judgement = this.#judge({ kind: 'failed', error: seen });
    this.#report(judgement);
    const { verdict } = judgement;
    const mayRepeat = this.#observe(judgement, { error: seen });
    const isGone = !mayRepeat && this.#mayRepeat(verdict);
    return { kind: 'failed', error: isGone ? notRepeated(error) : error, mayRepeat };
  }

  #returnedAs(value: Received, judgement: Judgement): Extract<AttemptEnd<Received>, { kind: 'returned' }> {
    const { status, headers } = value;
    const mayRepeat = this.#observe(judgement, { status, rpcStatus: headers[STATUS_FIELD] });
    if (mayRepeat) this.#call.askedToWait(retryAfterMs(value));
    if (value.load !== undefined) this.#takeReport(value.load);
    return { kind: 'returned', value, mayRepeat };
  }

  #takeReport(text: string): void {
    const { load, observer = SILENT } = this.#dependencies;
    const { service, slot } = this.#admitted.endpoint;
    if (!takeReport(text, slot, load)) observer.reportRejected(service);
  }

  /** @param waitedMs of the reader of a body that was cut off */
  #judge(result: TransportResult, waitedMs?: number): Judgement {
    const { clock, watch = UNWATCHED } = this.#dependencies;
    const ended = clock();
    const tookMs = ended - this.#begun;
    const missedMs = watch.missedSince(this.#mark);
    const wasSent = this.#request?.isWaiting !== true;
    const { deadline, request } = this.#call;
    const judged =
      waitedMs === undefined
        ? judge(result, this.#abort, deadline, tookMs, wasSent)
        : judgeBody(result, this.#abort, deadline, waitedMs);
    const { content } = request;
    // The time until a body has arrived is that of the client who sends it.
    const isTimed = content === undefined || content.endedAt !== undefined;
    const clientMs = content === undefined ? 0 : Math.max(0, (content.endedAt ?? 0) - this.#begun);
    const ownMs = waitedMs ?? tookMs - clientMs;
    const isUntaken = ended - (content?.untakenSince ?? ended) >= HANGS_MS;
    const isEvident = isEvidence(tookMs, missedMs) && (isTimed || isUntaken || !isTimeout(result));
    const verdict = isEvident ? judged : withoutEvidence(judged);
    return { verdict, ended, tookMs, ownMs, missedMs, isTimed, route: request };
  }

  /** Reports the end to the breaker, the ejection and the load. */
  #report(judgement: Judgement): void {
    if (this.end()) settle(this.#dependencies, this.#admitted, judgement, this.#isProbeSettled);
  }

  /** Reports the end to the observer and the call. @returns whether the attempt may be repeated */
  #observe({ verdict, tookMs }: Judgement, seen: AttemptResult): boolean {
    this.#observation.end(seen, Math.round(tookMs * 1000));
    if (verdict.hasNotRun === true) this.#call.countNotRun();
    return this.#call.request.content?.isStarted !== true && this.#mayRepeat(verdict);
  }

  /** Whether the attempt may be repeated, where its body can be sent again. */
  #mayRepeat({ mayRepeat, hasNotRun = false }: Verdict): boolean {
    return mayRepeat && (hasNotRun || mayRunTwice(this.#call.request));
  }
}

/**
 * Whether the endpoint was withdrawn before the request was sent to it. That is as if another one had been
 * picked at once: it takes no token of the budget, no wait, and none of the attempts that a call may make.
 */
export const isDisplaced = (end: AttemptEnd<unknown>): boolean =>
  end.kind === 'failed' && end.mayRepeat && end.error instanceof DisplacedError;

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

/** Whether the endpoint has not responded in time, as far as it can be seen here. */
const isTimeout = (result: TransportResult): boolean =>
  result.kind === 'returned' ? result.value.status === 504 : isLate(result.error);

/** The error of a call that was not repeated only because its body is gone. */
function notRepeated(error: unknown): unknown {
  if (!isHttpError(error)) return error;
  const { message, cause } = error;
  const why = 'The request was not repeated, because a part of its body had been read.';
  return new HttpError('BAD_UPSTREAM', `${message} ${why}`, { cause });
}

/** The time for which a callee asks not to be called again (RFC 9110 section 10.2.3). */
function retryAfterMs({ status, headers }: Received): number {
  const { 'retry-after': value } = headers;
  if (status !== 503 || value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}
