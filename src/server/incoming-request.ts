// The reading side of a request: what it asks, who it is in traces and logs, its body. Whatever is not needed
// by every request is made when somebody asks for it.
import type { Logger } from 'pino';
import { Deadline } from '../deadline.js';
import type { HttpError } from '../errors.js';
import type { AddressKey } from '../memory/address-cells.js';
import type { TraceContext } from '../scope.js';
import type { SpanHandle } from '../telemetry/span.js';
import { endServerSpan, type ServerRequest, serverSpan } from '../telemetry/spans.js';
import { type BodyOwner, clientClosed, RequestBody } from './body/body.js';
import { BodyClaim } from './body/body-claim.js';
import { parseForm } from './body/form.js';
import { decodeUtf8, parseJson } from './body/json-body.js';
import { isFormType, isMultipartType, refuseCoding, unsupportedType } from './body/media-type.js';
import { checkLimits, type Part, type PartLimits, readParts } from './body/multipart.js';
import { clientAddress, forwardedHost, type ProxyField } from './client-address.js';
import type { Exchange } from './exchange.js';
import type { ReadonlyFields } from './handler.js';
import { unreported, unreportedIterator } from './promise.js';
import { HeaderValues, QueryValues } from './request-fields.js';
import { readCookies } from './response/cookies.js';
import { preferredType } from './response/negotiate.js';
import { networkOf } from './route-rate-limits.js';
import type { Input, RoutePlan } from './routing/route-plan.js';
import type { Params } from './routing/router.js';
import type { ServerContext } from './server-context.js';

export abstract class IncomingRequest implements ServerRequest, BodyOwner {
  // No field can be listed: a copy of the context, or a log line about it, shows none of these.
  readonly #server: ServerContext;
  readonly #exchange: Exchange;
  readonly #plan: RoutePlan;
  readonly #params: Params;
  readonly #startedAt: number;
  readonly #isPeer: boolean;
  readonly #requestId: string;
  readonly #traceparent: string | undefined;
  readonly #contentLength: number;
  readonly #isChunked: boolean;
  readonly #timeoutMs: number;
  #body: unknown;
  #log: Logger | undefined;
  #span: SpanHandle | undefined;
  #input: Input | undefined;
  #query: QueryValues | undefined;
  #headers: ReadonlyFields | undefined;
  #cookies: Readonly<Record<string, string | undefined>> | undefined;
  #state: Record<string, unknown> | undefined;
  #deadline: Deadline | undefined;
  #addressKey: AddressKey | undefined;
  #reading: RequestBody | undefined;
  #bytes: Promise<Uint8Array> | undefined;
  #isStreamed = false;

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
    let requestId: string | undefined;
    let traceparent: string | undefined;
    let contentLength = -1;
    let isChunked = false;
    let timeoutMs = plan.timeoutMs;
    const { headers } = exchange.head;
    // One pass; the length of a name rules out nearly all comparisons.
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!;
      switch (name.length) {
        case 11:
          if (name === 'traceparent') traceparent = headers[i + 1];
          break;
        case 12:
          if (name === 'x-request-id') requestId = headers[i + 1];
          break;
        case 14:
          if (name === 'content-length') contentLength = Number(headers[i + 1]);
          break;
        case 17:
          if (name === 'transfer-encoding') isChunked = true;
          break;
        case 18:
          if (name === 'x-request-deadline' && (isPeer || this.isTrustedProxy))
            timeoutMs = shorter(timeoutMs, headers[i + 1]!);
          break;
      }
    }
    this.#requestId = server.ids.accept(requestId);
    this.#traceparent = traceparent;
    this.#contentLength = contentLength;
    this.#isChunked = isChunked;
    this.#timeoutMs = timeoutMs;
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
  /** `performance.now()` at the end of the request header. */
  get startedAt(): number {
    return this.#startedAt;
  }
  get requestId(): string {
    return this.#requestId;
  }
  get traceparent(): string | undefined {
    return this.#traceparent;
  }
  /** Announced bytes of the body, -1 when none are. */
  get contentLength(): number {
    return this.#contentLength;
  }
  get isChunked(): boolean {
    return this.#isChunked;
  }
  /** The caller is in this process, or a cooperating one with the mesh token of the asked service. */
  get isPeer(): boolean {
    return this.#isPeer;
  }
  /**
   * Milliseconds from the header to the first byte of the answer: the route's, or the shorter
   * `x-request-deadline` of a trusted proxy or a peer. A stranger's has no effect: it would decide what
   * breakers see.
   */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }
  get body(): unknown {
    return this.#body;
  }
  set body(value: unknown) {
    this.#body = value;
  }
  /** What logs and JSON show of the context: nothing that a client sends in confidence, so no query. */
  toJSON(): { readonly method: string; readonly path: string; readonly requestId: string } {
    return { method: this.method, path: this.path, requestId: this.requestId };
  }
  get method(): string {
    return this.#exchange.head.method;
  }
  get path(): string {
    return this.#exchange.head.path;
  }
  get route(): string {
    return this.#plan.path;
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
  accepts(...types: string[]): string | undefined {
    return preferredType(this.headers, types);
  }
  get input(): Input {
    this.#input ??= { params: this.#params, query: undefined, headers: undefined };
    return this.#input;
  }
  get ip(): string {
    const peer = this.#exchange.remoteAddress();
    const { proxyField } = this;
    if (proxyField === undefined) return peer;
    const lines = this.headers.getAll(proxyField);
    return clientAddress(peer, proxyField, lines, (address) => this.#server.proxies.has(address));
  }
  get isTrustedProxy(): boolean {
    const { proxies } = this.#server;
    return !proxies.isEmpty && proxies.has(this.#exchange.remoteAddress());
  }
  get proxyField(): ProxyField | undefined {
    return this.isTrustedProxy ? this.#server.proxyField : undefined;
  }
  /** One of its own: what the service binds to it or changes of it concerns no other request. */
  get log(): Logger {
    this.#log ??= this.#server.log.child({});
    return this.#log;
  }
  get state(): Record<string, unknown> {
    this.#state ??= Object.create(null) as Record<string, unknown>;
    return this.#state;
  }
  get deadline(): Deadline {
    this.#deadline ??= Deadline.allowed(this.#startedAt, this.#timeoutMs, this.#plan.timeoutMs);
    return this.#deadline;
  }
  // --- identity in traces and logs

  get traceId(): string {
    return this.trace.traceId;
  }
  get trace(): TraceContext {
    this.#span ??= serverSpan(this.#server.tracing, this);
    return this.#span.context;
  }
  get tracestate(): string | undefined {
    if (this.#traceparent === undefined) return undefined;
    const lines = this.headers.getAll('tracestate');
    return lines.length === 0 ? undefined : lines.join(',');
  }
  get trusted(): boolean {
    if (this.#traceparent === undefined) return false;
    return this.#exchange.head.inProcess || this.#server.trustsTraceFlags(this.#exchange);
  }
  get service(): string | undefined {
    return this.#plan.service;
  }
  get template(): string | undefined {
    return this.#plan.template;
  }
  get scheme(): 'http' | 'https' {
    return this.#server.scheme;
  }
  get host(): string {
    // There is one: a request without is refused.
    const asked = this.headers.get('host') ?? '';
    const { proxyField } = this;
    if (proxyField === undefined) return asked;
    const lines = this.headers.getAll(proxyField === 'forwarded' ? 'forwarded' : 'x-forwarded-host');
    return forwardedHost(proxyField, lines) ?? asked;
  }
  get inProcess(): boolean {
    return this.#exchange.head.inProcess;
  }
  get clientAddress(): string {
    return this.ip;
  }
  /** Whom bounds per address count: the client behind trusted proxies, of IPv6 its network. */
  get addressKey(): AddressKey {
    this.#addressKey ??= this.#server.quotas.addressKey(networkOf(this.ip));
    return this.#addressKey;
  }

  /** Decides whether this request is traced; without export nothing is decided before somebody asks. */
  protected beginSpan(): void {
    if (this.#server.tracing.enabled) this.#span = serverSpan(this.#server.tracing, this);
  }

  protected endSpan(status: number, error: string | undefined): void {
    if (this.#span !== undefined) endServerSpan(this.#span, status, error);
  }

  // --- body

  abstract bodyAwaited(): void;
  abstract bodyArrived(): HttpError | undefined;

  /** @throws Error when the body is read as a stream: there is one reader */
  readBytes(): Promise<Uint8Array> {
    if (this.#isStreamed) throw new Error('the body is read as a stream already');
    this.#bytes ??= unreported(this.#reader().whole());
    return this.#bytes;
  }
  readText(): Promise<string> {
    return this.#read(decodeUtf8);
  }
  readJson(): Promise<unknown> {
    return this.#read(parseJson);
  }
  readForm(): Promise<QueryValues> {
    return this.#read(parseForm, () => {
      if (!isFormType(this.headers.get('content-type'))) {
        throw unsupportedType('application/x-www-form-urlencoded');
      }
    });
  }
  readParts(limits: PartLimits = {}): AsyncIterable<Part> {
    checkLimits(limits);
    const type = this.headers.get('content-type');
    if (type === undefined || !isMultipartType(type)) throw unsupportedType('multipart/form-data');
    refuseCoding(this.headers);
    return unreportedIterator(readParts(this.readStream(), type, limits));
  }
  /** @throws Error when called twice */
  readStream(): AsyncIterable<Uint8Array> {
    if (this.#isStreamed) throw new Error('the body is read as a stream already');
    if (this.#bytes !== undefined) return unreportedIterator(once(this.#bytes));
    this.#isStreamed = true;
    return unreportedIterator(this.#reader().stream());
  }

  #read<T>(parse: (bytes: Uint8Array) => T, check?: () => void): Promise<T> {
    const reading = async (): Promise<T> => {
      check?.();
      refuseCoding(this.headers);
      return parse(await this.readBytes());
    };
    return unreported(reading());
  }

  /** At the end of the request's callback: what nothing has read by then is kept for a later reader. */
  keepBody(): void {
    if (this.#exchange.isBodyPassing) this.#reader();
  }

  /**
   * Call when the request has ended. An error is made only where somebody may still read the body, because
   * its stack trace is costly.
   */
  protected releaseBody(reason: HttpError | undefined): void {
    if (this.#reading !== undefined) this.#reading.release(reason ?? clientClosed());
  }

  #reader(): RequestBody {
    const server = this.#server;
    const exchange = this.#exchange;
    this.#reading ??= new RequestBody({
      exchange,
      wheel: server.wheel,
      turnEnd: server.turnEnd,
      claim: exchange.head.inProcess ? undefined : new BodyClaim(server.quotas, () => this.addressKey),
      owner: this,
      limit: this.#plan.bodyLimit,
      contentLength: this.#contentLength,
    });
    return this.#reading;
  }
}

async function* once(bytes: Promise<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield await bytes;
}

/** A caller that waits less than the route allows says so; anything but a whole number is ignored. */
function shorter(timeoutMs: number, remaining: string): number {
  return /^\d{1,9}$/.test(remaining) ? Math.min(timeoutMs, Number(remaining)) : timeoutMs;
}
