// One attempt of a call: an endpoint whose breaker lets it through, the request that goes there, and what its
// end says to breaker, ejection and load.
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError, HttpError, UnavailableError } from '../errors.js';
import { Hold } from '../hold.js';
import { MESH_TOKEN_HEADER } from '../mesh-token.js';
import type { Endpoint } from '../registry/endpoint.js';
import { type Breaker, breakerOpenError } from '../resilience/breaker-contract.js';
import { HedgeLostError } from '../resilience/hedge.js';
import { isEvidence, UNWATCHED, type Watch } from '../resilience/loop-watch.js';
import type { AttemptEnd, RetryBudget } from '../resilience/policy.js';
import type { Scope, TraceContext } from '../scope.js';
import type { Balancer } from './balancer.js';
import { type CallObserver, SILENT } from './call-observer.js';
import type { OutgoingContent } from './call-request.js';
import { NOT_WATCHED, type OutlierWatch } from './outliers.js';
import type { Received, Transport } from './transport.js';
import { judge, type TransportResult, type Verdict, withoutSilence } from './verdict.js';

/** Load of the endpoints, as this thread adds to it. */
export interface LoadMeter {
  begin(slot: number): void;
  end(slot: number): void;
  observe(slot: number, microseconds: number): void;
}

export interface AttemptDependencies {
  readonly balancer: Pick<Balancer, 'pick'>;
  readonly breaker: Breaker;
  /** Without one nobody is ejected. */
  readonly outliers?: OutlierWatch;
  readonly load: LoadMeter;
  readonly budget: RetryBudget;
  /** A call that succeeds after this many milliseconds has failed all the same; 0: none. Default 0. */
  readonly slowCallMs?: number;
  readonly transports: { readonly http: Transport; readonly inProcess?: Transport };
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Tells what this thread has missed of a call. Without one all time counts. */
  readonly watch?: Watch;
  /** Writes the trace fields of an outgoing request. */
  readonly propagate?: (trace: TraceContext, headers: Record<string, string>) => void;
  readonly observer?: CallObserver;
  /** Gives the value that opens a service's `internal` routes over the network; see mesh-token.ts. */
  readonly meshToken?: ((service: string) => string) | undefined;
}

const DEADLINE_HEADER = 'x-request-deadline';
const REQUEST_ID_HEADER = 'x-request-id';

/** One call, over all its attempts. */
export interface Outgoing extends OutgoingContent {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
  readonly scope: Scope | undefined;
  /** Ids of the endpoints that were tried. */
  readonly tried: Set<string>;
  /** Attempts so far. */
  attempts: number;
}

export interface Admitted {
  readonly endpoint: Endpoint;
  readonly ticket: number;
}

/** Its endpoint counts it as under way, and the breaker waits for its outcome. */
class AttemptHold extends Hold {
  readonly #dependencies: AttemptDependencies;
  readonly #admitted: Admitted;
  /** What `watch.begin` has returned. */
  readonly mark: number;

  constructor(dependencies: AttemptDependencies, admitted: Admitted, scope: Scope | undefined) {
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

/**
 * An endpoint whose breaker lets the call through; those that refuse are passed over without an attempt.
 * @param never ids of endpoints that will not do
 */
export function admit(
  dependencies: AttemptDependencies,
  outgoing: Outgoing,
  never: ReadonlySet<string>,
): Admitted | HttpError {
  const { service, tried } = outgoing;
  const excludes = never.size === 0 ? undefined : ({ id }: Endpoint) => never.has(id);
  const endpoint = dependencies.balancer.pick(service, tried, excludes);
  if (endpoint === undefined) {
    return new UnavailableError('NO_INSTANCE', `No instance of service ${service} is known.`);
  }
  const ticket = dependencies.breaker.admit(endpoint.slot);
  return ticket >= 0 ? { endpoint, ticket } : admitOther(dependencies, outgoing, never, endpoint);
}

/**
 * Asks the breakers of all endpoints before the pick, so that a call takes time in proportion to their number
 * also when all are open. A picked one refuses only where another thread has changed its breaker in between.
 * @param refused the endpoint whose breaker has refused the call
 */
function admitOther(
  { balancer, breaker }: AttemptDependencies,
  { service, tried }: Outgoing,
  never: ReadonlySet<string>,
  refused: Endpoint,
): Admitted | HttpError {
  const passed = new Set(never).add(refused.id);
  let retryInMs = breaker.retryInMs(refused.slot);
  const excludes = ({ id, slot }: Endpoint): boolean => {
    if (passed.has(id)) return true;
    if (breaker.admits(slot)) return false;
    retryInMs = Math.min(retryInMs, breaker.retryInMs(slot));
    return true;
  };
  for (;;) {
    const endpoint = balancer.pick(service, tried, excludes);
    if (endpoint === undefined)
      return breakerOpenError(`The breaker of service ${service} is open.`, retryInMs);
    const ticket = breaker.admit(endpoint.slot);
    if (ticket >= 0) return { endpoint, ticket };
    passed.add(endpoint.id);
    retryInMs = Math.min(retryInMs, breaker.retryInMs(endpoint.slot));
  }
}

/** One attempt at an endpoint that was admitted, and what it says about it. Never rejects. */
export async function tryAt(
  dependencies: AttemptDependencies,
  outgoing: Outgoing,
  admitted: Admitted,
  signal: AbortSignal,
): Promise<AttemptEnd<Received>> {
  const { endpoint } = admitted;
  outgoing.tried.add(endpoint.id);
  const attempt = ++outgoing.attempts;
  if (attempt === 1) dependencies.budget.deposit();

  const { clock, watch = UNWATCHED, observer = SILENT } = dependencies;
  const observation = observer.attempt(
    endpoint,
    outgoing.method,
    outgoing.path.split('?', 1)[0]!,
    attempt,
    outgoing.scope?.trace,
  );
  const begun = clock();
  const held = new AttemptHold(dependencies, admitted, outgoing.scope);
  const result = await send(dependencies, outgoing, endpoint, observation.trace, signal);

  const ended = clock();
  const tookMs = ended - begun;
  const missedMs = watch.missedSince(held.mark);
  const judged = judge(result, signal, outgoing.deadline, tookMs);
  const verdict = isEvidence(tookMs, missedMs) ? judged : withoutSilence(judged);
  if (held.end()) settle(dependencies, admitted, verdict, { ended, tookMs, missedMs });
  const seen = result.kind === 'returned' ? { status: result.value.status } : { error: result.error };
  observation.end(seen, Math.round(tookMs * 1000));
  return { ...result, mayRepeat: verdict.mayRepeat };
}

/** When an attempt ended, how long it took, and how much of that this thread has missed. */
interface Timing {
  readonly ended: number;
  readonly tookMs: number;
  readonly missedMs: number;
}

/** Says to breaker, ejection and load what an attempt tells about its endpoint. */
function settle(
  { breaker, outliers = NOT_WATCHED, load, slowCallMs = 0 }: AttemptDependencies,
  { endpoint, ticket }: Admitted,
  verdict: Verdict,
  { ended, tookMs, missedMs }: Timing,
): void {
  // A call that has run for so long has failed under any deadline: its success would count as a failure, too.
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
  outgoing: Outgoing,
  endpoint: Endpoint,
  trace: TraceContext | undefined,
  signal: AbortSignal,
): Promise<TransportResult> {
  const { http, inProcess } = dependencies.transports;
  const transport = endpoint.local && inProcess !== undefined ? inProcess : http;
  const meshToken = transport === http ? dependencies.meshToken : undefined;
  const { method, path, body, deadline } = outgoing;
  try {
    const headers = headersOf(dependencies, outgoing, trace);
    if (meshToken !== undefined) headers[MESH_TOKEN_HEADER] = meshToken(endpoint.service);
    const value = await transport.send(endpoint, { method, path, headers, body, deadline, signal });
    return { kind: 'returned', value };
  } catch (error) {
    // Whoever aborts at the deadline may give any reason; what callers get is the typed one.
    const known = error instanceof HttpError || error instanceof HedgeLostError;
    const late = signal.aborted && deadline.passed && !known;
    return { kind: 'failed', error: late ? new DeadlineExceededError() : error };
  }
}

function headersOf(
  { propagate }: AttemptDependencies,
  { headers: given, deadline, scope }: Outgoing,
  trace: TraceContext | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { ...given };
  headers[DEADLINE_HEADER] = String(Math.max(1, Math.floor(deadline.remainingMs())));
  if (scope !== undefined) headers[REQUEST_ID_HEADER] = scope.requestId;
  if (trace !== undefined) propagate?.(trace, headers);
  return headers;
}
