// One request and its answer, as handlers and the scope of everything they call see it. Whatever is not needed
// by every request is made when somebody asks for it.
import type { Logger } from 'pino';
import { Deadline } from '../deadline.js';
import { DeadlineExceededError, type HttpError } from '../errors.js';
import { runInScope, type Scope, type TraceContext } from '../scope.js';
import type { SpanHandle, Tracing } from '../telemetry/span.js';
import { endServerSpan, type ServerRequest, serverSpan } from '../telemetry/spans.js';
import { clientClosed, readBytes, readStream } from './body.js';
import type { Exchange } from './exchange.js';
import { describeThrown, PROBLEM_JSON, type Problem, problemOf } from './failure.js';
import { type Context, SENT, type Sent, type Values } from './handler.js';
import { checkField, setField } from './header-fields.js';
import { decodeUtf8, parseJson } from './json-body.js';
import type { InFlightLimiter, RouteMeter } from './observer.js';
import type { RoutePlan } from './plan.js';
import type { RequestIds } from './request-id.js';
import type { Params } from './router.js';
import { stringify } from './serialize.js';
import type { Alarm, TimerWheel } from './timer-wheel.js';
import { HeaderValues, QueryValues } from './values.js';

/** What all requests of an App share. */
export interface Site {
  readonly log: Logger;
  readonly tracing: Tracing;
  readonly wheel: TimerWheel;
  readonly ids: RequestIds;
  readonly limiter: InFlightLimiter;
  readonly scheme: 'http' | 'https';
  /** True from the first moment of a drain: every answer then closes its connection. */
  draining(): boolean;
  /** Whether this peer's sampled flag is obeyed (RECEIVE_TRACE_FLAGS). */
  trustsTraceFlags(exchange: Exchange): boolean;
  /** A request no longer counts as in flight. */
  released(): void;
}

/** No answer yet. */
const OPEN = 0;
/** The handler's answer, or a problem, is on its way. */
const ANSWERED = 1;
/** Counted and reported; nothing follows. */
const COMPLETE = 2;

interface Input {
  params: unknown;
  query: unknown;
  headers: unknown;
}

export class RequestContext implements Context, Scope, ServerRequest {
  readonly site: Site;
  readonly exchange: Exchange;
  readonly plan: RoutePlan;
  readonly params: Params;
  /** `performance.now()` at the end of the request header. */
  readonly startedAt: number;
  readonly requestId: string;
  readonly traceparent: string | undefined;
  /** Announced bytes of the body, -1 when none are. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** Milliseconds from the header to the first byte of the answer: the route's, or the caller's if shorter. */
  readonly timeoutMs: number;
  body: unknown;
  #phase: number = OPEN;
  #statusCode = 0;
  #fields: string[] | undefined;
  #handlerDone = false;
  /** Counts as in flight. */
  #live = false;
  /** Holds a permit of MAX_IN_FLIGHT. */
  #admitted = false;
  #alarm: Alarm | undefined;
  #span: SpanHandle | undefined;
  #input: Input | undefined;
  #query: Values | undefined;
  #headers: Values | undefined;
  #state: Record<string, unknown> | undefined;
  #deadline: Deadline | undefined;
  #abort: AbortController | undefined;
  #givenUp: HttpError | undefined;
  #bytes: Promise<Uint8Array> | undefined;

  constructor(site: Site, exchange: Exchange, plan: RoutePlan, params: Params, startedAt: number) {
    this.site = site;
    this.exchange = exchange;
    this.plan = plan;
    this.params = params;
    this.startedAt = startedAt;
    this.body = undefined;
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
          if (name === 'x-request-deadline') timeoutMs = shorter(timeoutMs, headers[i + 1]!);
          break;
      }
    }
    this.requestId = site.ids.accept(requestId);
    this.traceparent = traceparent;
    this.contentLength = contentLength;
    this.isChunked = isChunked;
    this.timeoutMs = timeoutMs;
  }

  get method(): string {
    return this.exchange.head.method;
  }
  get path(): string {
    return this.exchange.head.path;
  }
  get route(): string {
    return this.plan.path;
  }
  get query(): Values {
    this.#query ??= new QueryValues(this.exchange.head.query);
    return this.#query;
  }
  get headers(): Values {
    this.#headers ??= new HeaderValues(this.exchange.head.headers);
    return this.#headers;
  }
  get input(): Input {
    this.#input ??= { params: this.params, query: undefined, headers: undefined };
    return this.#input;
  }
  get ip(): string {
    return this.exchange.remoteAddress();
  }
  get log(): Logger {
    return this.site.log;
  }
  get state(): Record<string, unknown> {
    this.#state ??= Object.create(null) as Record<string, unknown>;
    return this.#state;
  }
  get deadline(): Deadline {
    this.#deadline ??= Deadline.after(this.startedAt + this.timeoutMs - performance.now());
    return this.#deadline;
  }
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#givenUp !== undefined) this.#abort.abort(this.#givenUp);
    }
    return this.#abort.signal;
  }

  // --- identity in traces and logs

  get traceId(): string {
    return this.trace.traceId;
  }
  get trace(): TraceContext {
    this.#span ??= serverSpan(this.site.tracing, this);
    return this.#span.context;
  }
  get tracestate(): string | undefined {
    if (this.traceparent === undefined) return undefined;
    const lines = this.headers.getAll('tracestate');
    return lines.length === 0 ? undefined : lines.join(',');
  }
  get trusted(): boolean {
    if (this.traceparent === undefined) return false;
    return this.exchange.head.inProcess || this.site.trustsTraceFlags(this.exchange);
  }
  get service(): string | undefined {
    return this.plan.service;
  }
  get template(): string | undefined {
    return this.plan.template;
  }
  get scheme(): 'http' | 'https' {
    return this.site.scheme;
  }
  get host(): string | undefined {
    return this.headers.get('host');
  }
  get clientAddress(): string {
    return this.exchange.remoteAddress();
  }

  // --- body

  readBytes(): Promise<Uint8Array> {
    this.#bytes ??= readBytes(this.exchange, this.site.wheel, this.plan.bodyLimit);
    return this.#bytes;
  }
  async readText(): Promise<string> {
    return decodeUtf8(await this.readBytes());
  }
  async readJson(): Promise<unknown> {
    return parseJson(await this.readBytes());
  }
  readStream(): AsyncIterable<Uint8Array> {
    return readStream(this.exchange, this.site.wheel, this.plan.bodyLimit);
  }

  // --- answer

  status(code: number): this {
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new RangeError(`${code} is not a status of a final answer`);
    }
    this.#statusCode = code;
    return this;
  }

  header(name: string, value: string): this {
    const field = checkField(name, value);
    if (field === undefined) return this;
    this.#fields ??= [];
    setField(this.#fields, field, value);
    return this;
  }

  /** The status set by the handler, undefined when none is. */
  get chosenStatus(): number | undefined {
    return this.#statusCode === 0 ? undefined : this.#statusCode;
  }

  json(value: unknown): Sent {
    const status = this.#statusCode || 200;
    const serialize = this.plan.responses?.get(status) ?? stringify;
    return this.reply(status, 'application/json', serialize(value));
  }
  text(value: string): Sent {
    return this.reply(this.#statusCode || 200, 'text/plain; charset=utf-8', value);
  }
  html(value: string): Sent {
    return this.reply(this.#statusCode || 200, 'text/html; charset=utf-8', value);
  }
  bytes(value: Uint8Array, contentType = 'application/octet-stream'): Sent {
    this.header('content-type', contentType);
    return this.reply(this.#statusCode || 200, contentType, value);
  }
  redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 302): Sent {
    this.header('location', location);
    return this.reply(status, undefined, null);
  }

  stream(source: AsyncIterable<Uint8Array | string>, contentType = 'application/octet-stream'): Sent {
    this.header('content-type', contentType);
    const status = this.#statusCode || 200;
    if (this.method === 'HEAD' || isBodiless(status)) return this.reply(status, contentType, null);
    if (!this.#claim()) return SENT;
    this.#alarm?.cancel();
    this.exchange.begin(status, this.#responseFields(contentType), this.site.draining());
    void this.#pump(status, source);
    return SENT;
  }

  /**
   * The whole answer. After the client left or the deadline passed it does nothing.
   * @param error code of the problem that `body` is
   * @throws Error when an answer was given already
   */
  reply(
    status: number,
    contentType: string | undefined,
    body: string | Uint8Array | null,
    error?: string,
  ): Sent {
    if (!this.#claim()) return SENT;
    const bodiless = isBodiless(status);
    const fields = this.#responseFields(bodiless ? undefined : contentType);
    this.exchange.send(status, fields, bodiless ? null : body, this.site.draining());
    this.#complete(status, error);
    return SENT;
  }

  /** A problem takes nothing over from the answer that was being prepared. */
  replyProblem(problem: Problem): void {
    if (this.#phase !== OPEN) return;
    this.#fields = [...problem.headers];
    this.reply(problem.status, PROBLEM_JSON, problem.body, problem.code);
  }

  // --- life, driven by the pipeline

  get answered(): boolean {
    return this.#phase !== OPEN;
  }
  get givenUp(): boolean {
    return this.#givenUp !== undefined;
  }
  get meter(): RouteMeter {
    return this.method === 'HEAD' ? this.plan.headMeter : this.plan.meter;
  }

  begin(): void {
    this.#live = true;
    this.meter.begin();
    if (this.site.tracing.enabled) this.#span = serverSpan(this.site.tracing, this);
  }

  /** Takes a permit of MAX_IN_FLIGHT; false when there is none. Its caller's covers an in-process request. */
  admit(): boolean {
    if (!this.plan.limited || this.exchange.head.inProcess) return true;
    this.#admitted = this.site.limiter.enter();
    return this.#admitted;
  }

  /** The handler goes on asynchronously: from now on the client may leave and the deadline may pass. */
  detach(): void {
    this.exchange.onClosed(() => this.#giveUp(clientClosed()));
    const left = this.startedAt + this.timeoutMs - performance.now();
    this.#alarm = this.site.wheel.after(left, () => this.#expire());
  }

  /** The handler has returned or thrown, or its promise has settled. */
  handlerDone(): void {
    this.#handlerDone = true;
    if (this.#phase === COMPLETE) this.#release();
  }

  /** False: the answer is not wanted any more. */
  #claim(): boolean {
    if (this.#phase !== OPEN) {
      if (this.#givenUp !== undefined) return false;
      throw new Error('the request has been answered already');
    }
    this.#phase = ANSWERED;
    return true;
  }

  #responseFields(contentType: string | undefined): string[] {
    const own = this.#fields;
    if (own === undefined) {
      return contentType === undefined
        ? ['x-request-id', this.requestId]
        : ['content-type', contentType, 'x-request-id', this.requestId];
    }
    const fields = ['x-request-id', this.requestId];
    let ownType = false;
    for (let i = 0; i < own.length; i += 2) {
      ownType ||= own[i] === 'content-type';
      fields.push(own[i]!, own[i + 1]!);
    }
    if (contentType !== undefined && !ownType) fields.push('content-type', contentType);
    return fields;
  }

  async #pump(status: number, source: AsyncIterable<Uint8Array | string>): Promise<void> {
    this.exchange.onClosed(() => {
      this.#giveUp(clientClosed());
      this.#release();
    });
    try {
      for await (const chunk of source) await this.exchange.write(chunk);
      this.exchange.end();
      this.#complete(status, undefined);
    } catch (error) {
      if (this.#givenUp !== undefined) return;
      this.site.log.error({ err: describeThrown(error) }, 'a streamed answer failed');
      this.#complete(500, 'INTERNAL');
      this.exchange.destroy();
    }
  }

  #expire(): void {
    if (this.#phase === OPEN) {
      const reason = new DeadlineExceededError();
      this.replyProblem(problemOf(reason, this));
      this.#giveUp(reason);
    }
    // What the handler still does, it does beyond the time of its permit.
    this.#release();
  }

  #giveUp(reason: HttpError): void {
    this.#givenUp ??= reason;
    this.#complete(reason.status, reason.code);
    this.#abort?.abort(reason);
  }

  #complete(status: number, error: string | undefined): void {
    if (this.#phase === COMPLETE) return;
    this.#phase = COMPLETE;
    this.meter.end(status, (performance.now() - this.startedAt) * 1000, error);
    if (this.#span !== undefined) endServerSpan(this.#span, status, error);
    if (this.plan.onResponse.length > 0) runInScope(this, () => this.#report(status));
    if (this.#handlerDone) this.#release();
  }

  #report(status: number): void {
    for (const hook of this.plan.onResponse) {
      try {
        hook(this, status);
      } catch (thrown) {
        this.site.log.error({ err: describeThrown(thrown) }, 'an onResponse hook failed');
      }
    }
  }

  #release(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#alarm?.cancel();
    if (this.#admitted) this.site.limiter.leave();
    this.site.released();
  }
}

/** These never have a body (RFC 9110 sections 15.3.5 and 15.4.5). */
const isBodiless = (status: number): boolean => status === 204 || status === 304;

/** A caller that waits less than the route allows says so; anything but a whole number is ignored. */
function shorter(timeoutMs: number, remaining: string): number {
  return /^\d{1,9}$/.test(remaining) ? Math.min(timeoutMs, Number(remaining)) : timeoutMs;
}
