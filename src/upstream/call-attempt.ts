// One attempt of a call: it sends the request to an endpoint, and reports the end to the breaker, the outlier
// ejection and the load of that endpoint.
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError, HttpError } from '../errors.js';
import { Hold } from '../hold.js';
import { MESH_TOKEN_HEADER } from '../mesh-token.js';
import type { Endpoint } from '../registry/endpoint.js';
import { HedgeLostError } from '../resilience/hedge.js';
import { isEvidence, UNWATCHED, type Watch } from '../resilience/loop-watch.js';
import type { AttemptEnd, RetryBudget } from '../resilience/policy.js';
import type { Scope, TraceContext } from '../scope.js';
import { type CallObserver, SILENT } from './call-observer.js';
import type { RequestContent } from './call-request.js';
import type { AdmittedEndpoint, EndpointAdmissionDependencies } from './endpoint-admission.js';
import { NOT_WATCHED, type OutlierWatch } from './outliers.js';
import type { Received, Transport } from './transport.js';
import { judge, type TransportResult, type Verdict, withoutEvidence } from './verdict.js';

/** Counts the calls of this thread as load of their endpoints (memory/endpoint-cells.ts). */
export interface LoadMeter {
  begin(slot: number): void;
  end(slot: number): void;
  observe(slot: number, microseconds: number): void;
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
  readonly transports: { readonly http: Transport; readonly inProcess?: Transport };
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

/** A call, over all its attempts. */
export interface OngoingCall extends RequestContent {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
  readonly scope: Scope | undefined;
  /** Ids of the endpoints that were called. */
  readonly tried: Set<string>;
  /** The number of attempts so far. */
  attempts: number;
}

/**
 * A running attempt. While it runs it counts as load of its endpoint and holds a ticket of the breaker; when
 * the request is interrupted, it releases both.
 */
class AttemptHold extends Hold {
  readonly #dependencies: AttemptDependencies;
  readonly #admitted: AdmittedEndpoint;
  /** The result of `watch.begin`. */
  readonly mark: number;

  constructor(dependencies: AttemptDependencies, admitted: AdmittedEndpoint, scope: Scope | undefined) {
    super();
    const { load, watch = UNWATCHED } = dependencies;
    this.#dependencies = dependencies;
    this.#admitted = admitted;
    this.mark = watch.begin();
    load.begin(admitted.endpoint.slot);
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
}

/** Makes one attempt at an endpoint that admitted it. Never rejects. */
export async function attemptAt(
  dependencies: AttemptDependencies,
  call: OngoingCall,
  admitted: AdmittedEndpoint,
  signal: AbortSignal,
): Promise<AttemptEnd<Received>> {
  const { endpoint } = admitted;
  call.tried.add(endpoint.id);
  const attempt = ++call.attempts;
  if (attempt === 1) dependencies.budget.deposit();

  const { clock, watch = UNWATCHED, observer = SILENT } = dependencies;
  const observation = observer.attempt(
    endpoint,
    call.method,
    call.path.split('?', 1)[0]!,
    attempt,
    call.scope?.trace,
  );
  const begun = clock();
  const held = new AttemptHold(dependencies, admitted, call.scope);
  const result = await send(dependencies, call, endpoint, observation.trace, signal);

  const ended = clock();
  const tookMs = ended - begun;
  const missedMs = watch.missedSince(held.mark);
  const judged = judge(result, signal, call.deadline, tookMs);
  const verdict = isEvidence(tookMs, missedMs) ? judged : withoutEvidence(judged);
  if (held.end()) settle(dependencies, admitted, verdict, { ended, tookMs, missedMs });
  const seen = result.kind === 'returned' ? { status: result.value.status } : { error: result.error };
  observation.end(seen, Math.round(tookMs * 1000));
  return { ...result, mayRepeat: verdict.mayRepeat };
}

/** When an attempt ended, how long it took, and how many milliseconds of that this thread has missed. */
interface Timing {
  readonly ended: number;
  readonly tookMs: number;
  readonly missedMs: number;
}

/** Reports what an attempt shows about its endpoint to the breaker, the ejection and the load. */
function settle(
  { breaker, outliers = NOT_WATCHED, load, slowCallMs = 0 }: AttemptDependencies,
  { endpoint, ticket }: AdmittedEndpoint,
  verdict: Verdict,
  { ended, tookMs, missedMs }: Timing,
): void {
  // A success that took longer than `slowCallMs` counts as a failure, so a call that ended without a result
  // after that time counts as one as well, whatever its deadline was.
  const mayBeSlow = verdict.outcome === 'success' || verdict.isUntimely === true;
  const isLong = mayBeSlow && slowCallMs > 0 && tookMs >= slowCallMs;
  const slow = tookMs - missedMs >= slowCallMs ? 'failure' : 'ignored';
  breaker.settle(endpoint.slot, ticket, isLong ? slow : verdict.outcome, ended);
  outliers.ended(endpoint, verdict.reached);
  // A quick refusal must not make an endpoint look fast.
  if (verdict.outcome === 'success') load.observe(endpoint.slot, (tookMs - missedMs) * 1000);
}

async function send(
  dependencies: AttemptDependencies,
  call: OngoingCall,
  endpoint: Endpoint,
  trace: TraceContext | undefined,
  signal: AbortSignal,
): Promise<TransportResult> {
  const { http, inProcess } = dependencies.transports;
  const transport = endpoint.local && inProcess !== undefined ? inProcess : http;
  const meshToken = transport === http ? dependencies.meshToken : undefined;
  const { method, path, body, deadline } = call;
  try {
    const headers = headersOf(dependencies, call, trace);
    if (meshToken !== undefined) headers[MESH_TOKEN_HEADER] = meshToken(endpoint.service);
    const value = await transport.send(endpoint, { method, path, headers, body, deadline, signal });
    return { kind: 'returned', value };
  } catch (error) {
    // The signal may abort with any reason. When the deadline has passed, callers get DeadlineExceededError.
    const known = error instanceof HttpError || error instanceof HedgeLostError;
    const late = signal.aborted && deadline.passed && !known;
    return { kind: 'failed', error: late ? new DeadlineExceededError() : error };
  }
}

function headersOf(
  { propagate }: AttemptDependencies,
  { headers: given, deadline, scope }: OngoingCall,
  trace: TraceContext | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { ...given };
  headers[DEADLINE_HEADER] = String(Math.max(1, Math.floor(deadline.remainingMs())));
  if (scope !== undefined) headers[REQUEST_ID_HEADER] = scope.requestId;
  if (trace !== undefined) propagate?.(trace, headers);
  return headers;
}
