// What is known of a request from its head and its connection: method, path and fields, the address of the
// client, the identity in traces and logs. Whatever only some requests need is computed on first use.
import { Deadline } from '../deadline.js';
import type { AddressKey } from '../memory/address-cells.js';
import type { TraceContext } from '../scope.js';
import type { SpanHandle } from '../telemetry/span.js';
import { endRpcServerSpan, endServerSpan, keptServerSpan, type ServerRequest } from '../telemetry/spans.js';
import { toError } from '../telemetry/to-error.js';
import {
  clientAddress,
  forwardedHost,
  forwardedScheme,
  hopsFrom,
  type ProxyField,
} from './client-address.js';
import { networkOf } from './client-network.js';
import type { Exchange } from './exchange.js';
import type { ReadonlyFields } from './handler.js';
import { HeaderValues, QueryValues } from './request-fields.js';
import type { RequestPhases } from './request-phases.js';
import { readCookies } from './response/cookies.js';
import type { RoutePlan } from './routing/route-plan.js';
import type { Params } from './routing/router.js';
import type { ServerContext } from './server-context.js';

export class IncomingRequest implements ServerRequest {
  readonly #server: ServerContext;
  readonly #exchange: Exchange;
  readonly #plan: RoutePlan;
  readonly #params: Params;
  readonly #startedAt: number;
  readonly #isPeer: boolean;
  readonly #requestId: string;
  readonly #requestNumber: number;
  readonly #timeoutMs: number;
  /** Measured while slow requests are logged. */
  readonly phases: RequestPhases | undefined;
  #span: SpanHandle | undefined;
  #query: QueryValues | undefined;
  #headers: ReadonlyFields | undefined;
  #cookies: Readonly<Record<string, string | undefined>> | undefined;
  #deadline: Deadline | undefined;
  #addressKey: AddressKey | undefined;

  constructor(
    server: ServerContext,
    exchange: Exchange,
    plan: RoutePlan,
    params: Params,
    startedAt: number,
    isPeer: boolean,
  ) {
    this.#server = server;
    this.#exchange = exchange;
    this.#plan = plan;
    this.#params = params;
    this.#startedAt = startedAt;
    this.#isPeer = isPeer;
    this.phases = server.requestLog.phasesFrom(startedAt);
    const { requestId, remainingMs, ownTimeoutMs } = exchange.head;
    this.#requestId = server.ids.accept(requestId);
    this.#requestNumber = server.ids.numberOf(this.#requestId);
    const most = Math.min(plan.timeoutMs, ownTimeoutMs);
    const allowedMs = remainingMs < most && (isPeer || this.isTrustedProxy) ? remainingMs : most;
    const { arrivedAt = startedAt } = exchange;
    this.#timeoutMs = allowedMs - (startedAt - arrivedAt);
  }

  get server(): ServerContext {
    return this.#server;
  }
  get exchange(): Exchange {
    return this.#exchange;
  }
  get plan(): RoutePlan {
    return this.#plan;
  }
  get params(): Params {
    return this.#params;
  }
  /** `performance.now()` when the request began to be served, at the end of its header unless it waited. */
  get startedAt(): number {
    return this.#startedAt;
  }
  get requestId(): string {
    return this.#requestId;
  }
  /** Number of the id among those that this server has made; 0 for one that the client has sent. */
  get requestNumber(): number {
    return this.#requestNumber;
  }
  /** Announced bytes of the body; -1 without Content-Length. */
  get contentLength(): number {
    return this.#exchange.head.contentLength;
  }
  get isChunked(): boolean {
    return this.#exchange.head.isChunked;
  }
  /** The caller is in this process, or a cooperating process with the mesh token of the requested service. */
  get isPeer(): boolean {
    return this.#isPeer;
  }
  /**
   * Milliseconds from `startedAt` to the first byte of the response: those of the route, or the shorter
   * `x-request-deadline` of a trusted proxy or a peer, without the time for which the request has waited. At
   * or below 0 its deadline has passed. The field has no effect when a stranger sends it:
   * strangers would decide which outcomes circuit breakers count.
   */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }
  get deadline(): Deadline {
    this.#deadline ??= Deadline.allowed(
      this.#startedAt,
      this.#timeoutMs,
      this.#plan.timeoutMs,
      !this.#isPeer && !this.isTrustedProxy,
    );
    return this.#deadline;
  }

  /** Call when the first piece of a stream has come, for which the deadline was. */
  endDeadline(): void {
    this.#deadline = Deadline.none;
  }

  // --- the head

  get method(): string {
    return this.#exchange.head.method;
  }
  get path(): string {
    return this.#exchange.head.path;
  }
  /** The path as logs and spans show it. */
  get shownPath(): string {
    return this.#server.secretPaths.mask(this.path);
  }
  get isRpc(): boolean {
    return this.#exchange.head.isRpc;
  }
  get route(): string {
    return this.#plan.path;
  }
  get service(): string | undefined {
    return this.#plan.service;
  }
  get template(): string | undefined {
    return this.#plan.template;
  }
  get query(): QueryValues {
    this.#query ??= new QueryValues(this.#exchange.head.query);
    return this.#query;
  }
  get headers(): ReadonlyFields {
    this.#headers ??= new HeaderValues(this.#exchange.head.headers, this);
    return this.#headers;
  }
  get cookies(): Readonly<Record<string, string | undefined>> {
    this.#cookies ??= readCookies(this.headers.getAll('cookie'));
    return this.#cookies;
  }
  get scheme(): 'http' | 'https' {
    return this.#server.scheme;
  }
  get host(): string {
    // The field is there: a request without it is refused.
    const sent = this.headers.get('host') ?? '';
    const { proxyField } = this;
    if (proxyField === undefined) return sent;
    const lines = this.headers.getAll(proxyField === 'forwarded' ? 'forwarded' : 'x-forwarded-host');
    return forwardedHost(proxyField, lines) ?? sent;
  }

  /** The scheme by which the client has sent the request; behind TRUSTED_PROXIES the one that they report. */
  get requestedScheme(): 'http' | 'https' {
    const { proxyField } = this;
    if (proxyField === undefined) return this.scheme;
    const lines = this.headers.getAll(proxyField === 'forwarded' ? 'forwarded' : 'x-forwarded-proto');
    return forwardedScheme(proxyField, lines) ?? this.scheme;
  }

  // --- the client

  /** The addresses that the request has passed, from the client to the peer; trusted, but for the first. */
  get hops(): readonly string[] {
    const peer = this.#exchange.remoteAddress();
    const { proxyField } = this;
    if (proxyField === undefined) return [peer];
    const lines = this.headers.getAll(proxyField);
    return [...hopsFrom(peer, proxyField, lines, (address) => this.#server.proxies.has(address))].reverse();
  }
  get inProcess(): boolean {
    return this.#exchange.head.inProcess;
  }
  get ip(): string {
    const peer = this.#exchange.remoteAddress();
    const { proxyField } = this;
    if (proxyField === undefined) return peer;
    const lines = this.headers.getAll(proxyField);
    return clientAddress(peer, proxyField, lines, (address) => this.#server.proxies.has(address));
  }
  get clientAddress(): string {
    return this.ip;
  }
  get isTrustedProxy(): boolean {
    const { proxies } = this.#server;
    return !proxies.isEmpty && proxies.has(this.#exchange.remoteAddress());
  }
  /** The field by which a trusted proxy names its client; undefined when another client sent the request. */
  get proxyField(): ProxyField | undefined {
    return this.isTrustedProxy ? this.#server.proxyField : undefined;
  }
  /** Key of the bounds per address: the client behind trusted proxies, or its network for IPv6. */
  get addressKey(): AddressKey {
    this.#addressKey ??= this.#server.quotas.addressKey(networkOf(this.ip));
    return this.#addressKey;
  }
  /**
   * Makes the exchange remember the client's address, which the core forgets with the response or when the
   * client leaves. That costs nearly a microsecond, so it is done only for requests whose code can read the
   * address later: those with an `onResponse` hook, and asynchronous ones.
   */
  rememberAddress(): void {
    this.#exchange.rememberAddress();
  }

  // --- identity in traces and logs

  get traceId(): string {
    return this.trace.traceId;
  }
  get trace(): TraceContext {
    this.#span ??= this.#server.tracing.unsampled(this);
    return this.#span.context;
  }
  get traceparent(): string | undefined {
    return this.#exchange.head.traceparent;
  }
  get tracestate(): string | undefined {
    if (this.traceparent === undefined) return undefined;
    const lines = this.headers.getAll('tracestate');
    return lines.length === 0 ? undefined : lines.join(',');
  }
  /** The sampled flag of the caller counts. */
  get trusted(): boolean {
    if (this.traceparent === undefined) return false;
    return this.#exchange.head.inProcess || this.#server.trustsTraceFlags(this.#exchange);
  }
  /** Decides whether this request is traced. Nothing is created for one that is not. */
  beginSpan(): void {
    const { tracing } = this.#server;
    if (tracing.samples(this)) this.#span = keptServerSpan(tracing, this);
  }
  /** The span of this request; undefined when it is not recorded. */
  get recordedTrace(): TraceContext | undefined {
    return this.#span?.recording ? this.#span.context : undefined;
  }
  /** Call once, when the response is complete. */
  responded(status: number, error: string | undefined): void {
    this.#server.requestLog.ended(this, status, error);
    if (this.#span === undefined) return;
    if (this.isRpc) endRpcServerSpan(this.#span, status, error);
    else endServerSpan(this.#span, status, error);
  }
  logError(thrown: unknown, message: string): void {
    this.#server.log.error({ err: toError(thrown), route: this.route }, message);
  }
}
