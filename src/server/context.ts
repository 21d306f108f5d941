// One request and its answer, as handlers and the scope of everything they call see it.
import { performance } from 'node:perf_hooks';
import { DeadlineExceededError, type HttpError } from '../errors.js';
import { runInScope, type Scope } from '../scope.js';
import { clientClosed } from './body.js';
import { describeThrown, isFault, PROBLEM_JSON, type Problem, problemOf } from './failure.js';
import { type Context, SENT, type Sent } from './handler.js';
import type { LiveRequest } from './live-requests.js';
import type { RouteMeter } from './observer.js';
import { Refusal } from './refusal.js';
import { Responder } from './responder.js';
import { EVENT_STREAM, type EventSourceFunction, eventStream, type ServerSentEvent } from './sse.js';
import type { Alarm } from './timer-wheel.js';
import type { SocketRoute } from './websocket.js';

/** No answer yet. */
const OPEN = 0;
/** The handler's answer, or a problem, is on its way. */
const ANSWERED = 1;
/** Counted and reported; nothing follows. */
const COMPLETE = 2;

export class RequestContext extends Responder implements Context, Scope, LiveRequest {
  older: LiveRequest | undefined = undefined;
  newer: LiveRequest | undefined = undefined;
  onStack = true;
  isEndless = false;
  #phase: number = OPEN;
  #handlerDone = false;
  /** What its meter wants back. */
  #begun = 0;
  /** Counts as in flight. */
  #live = false;
  /** What its route's door said; above 0 it holds a permit of it. */
  #admitted = 0;
  #place: { leave(): void } | undefined;
  #alarm: Alarm | undefined;
  #abort: AbortController | undefined;
  #givenUp: HttpError | undefined;

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#givenUp !== undefined) this.#abort.abort(this.#givenUp);
    }
    return this.#abort.signal;
  }

  // --- answer

  /** @param length of what the source gives, undefined when nobody knows */
  replyStream(
    status: number,
    contentType: string,
    source: AsyncIterable<Uint8Array | string>,
    length?: number,
  ): Sent {
    const isHead = this.method === 'HEAD';
    if (isBodiless(status) || length === 0 || (isHead && length === undefined)) {
      return this.reply(status, contentType, length === 0 ? '' : null);
    }
    if (!this.#claim()) return SENT;
    this.#alarm?.cancel();
    this.exchange.begin(status, this.fieldList(contentType), this.site.draining(), length);
    if (isHead) this.#complete(status, undefined);
    else void this.#pump(status, source);
    return SENT;
  }

  sse(source: AsyncIterable<ServerSentEvent> | EventSourceFunction): Sent {
    this.header('cache-control', 'no-store');
    this.header('x-accel-buffering', 'no'); // nginx would hold events back
    this.header('content-type', EVENT_STREAM);
    this.isEndless = true;
    const open = (): AsyncIterable<ServerSentEvent> =>
      typeof source === 'function' ? source(this.headers.get('last-event-id')) : source;
    const { wheel, log } = this.site;
    const failed = (error: unknown): void => {
      // Being told to stop, and saying so, is no failure.
      if (error !== this.#givenUp) log.error({ err: describeThrown(error) }, 'a source of events failed');
    };
    return this.stream(eventStream(open, { wheel, signal: this.signal, failed }));
  }

  /**
   * The connection becomes a WebSocket; the request is over.
   * @returns false where it cannot
   */
  upgrade(route: SocketRoute, protocol: string | undefined, data: unknown): boolean {
    const { exchange, params, requestId } = this;
    if (exchange.accept === undefined) return false;
    if (!this.#claim()) return true;
    const key = this.headers.get('sec-websocket-key') ?? '';
    const extensions = this.headers.getAll('sec-websocket-extensions').join(', ');
    const headers = this.fieldList(undefined);
    exchange.accept({ route, headers, key, protocol, extensions, params, data, requestId });
    this.#complete(101, undefined);
    return true;
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
    const fields = this.fieldList(bodiless ? undefined : contentType);
    this.exchange.send(status, fields, bodiless ? null : body, this.site.draining());
    this.#complete(status, error);
    return SENT;
  }

  /** A problem takes nothing over from the answer that was being prepared. */
  replyProblem(problem: Problem): void {
    if (this.#phase !== OPEN) return;
    this.fields.replaceBy(problem.headers);
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
    this.site.requests.add(this);
    this.#begun = this.meter.begin(this.startedAt);
    this.beginSpan();
  }

  /** Takes a permit of the route's door; false when there is none. Its caller's covers an in-process request. */
  admit(): boolean {
    const { door } = this.plan;
    if (door === undefined || this.exchange.head.inProcess) return true;
    this.#admitted = door.enter();
    return this.#admitted > 0;
  }

  /** Milliseconds by which a refusal by the route's door is to be held back. Nothing is begun while draining. */
  get holdMs(): number {
    const { door } = this.plan;
    return door === undefined || this.site.draining() ? 0 : Math.min(door.holdMs, this.timeoutMs);
  }

  /** Sends a refusal when its time has come. */
  holdBack(refuse: () => void): void {
    this.exchange.onClosed(() => {
      this.#giveUp(clientClosed());
      this.handlerDone();
    });
    this.#alarm = this.site.wheel.after(this.holdMs, refuse);
  }

  hold(place: { leave(): void }): void {
    if (this.#live) this.#place = place;
    else place.leave();
  }

  /** The handler goes on asynchronously: from now on the client may leave and the deadline may pass. */
  detach(): void {
    if (this.#alarm !== undefined) return;
    this.exchange.onClosed(() => this.#giveUp(clientClosed()));
    const left = this.startedAt + this.timeoutMs - performance.now();
    this.#alarm = this.site.wheel.after(left, () => this.#expire());
  }

  /** The handler has returned or thrown, or its promise has settled. */
  handlerDone(): void {
    this.#handlerDone = true;
    if (this.#phase === COMPLETE) this.#release();
  }

  /** Safe at any time: also when the handler was broken off and none of its own ends can be relied on. */
  abandon(error: HttpError): void {
    if (!this.#live) return;
    this.#release();
    this.exchange.leaveCallback();
    if (this.#phase === OPEN) this.replyProblem(problemOf(error, this));
    // Half a stream must not pass for a whole one. Of events there is no whole: the client comes again.
    else if (!this.isEndless) this.exchange.destroy();
    else {
      this.exchange.end();
      this.#complete(this.chosenStatus ?? 200, undefined);
    }
    this.#giveUp(error);
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

  /** Sends what is being made: for the client it is under way from now on. */
  replyLater(status: number, contentType: string, make: () => Promise<Uint8Array>): Sent {
    if (!this.#claim()) return SENT;
    void this.#sendLater(status, contentType, make);
    return SENT;
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
      // The client has its status already: for the log and the metrics it is what went wrong.
      const { status: failed, code } = problemOf(error, this);
      if (error instanceof Refusal) this.site.refused(error.code.toLowerCase());
      if (isFault(error)) this.site.log.error({ err: describeThrown(error) }, 'a streamed answer failed');
      this.#complete(failed, code);
      this.exchange.destroy();
    }
  }

  async #sendLater(status: number, contentType: string, make: () => Promise<Uint8Array>): Promise<void> {
    this.exchange.onClosed(() => this.#giveUp(clientClosed()));
    try {
      this.exchange.send(status, this.fieldList(contentType), await make(), this.site.draining());
      this.#complete(status, undefined);
    } catch (error) {
      this.site.log.error({ err: describeThrown(error) }, 'an answer could not be made');
      this.#complete(500, 'INTERNAL');
      this.exchange.destroy();
    }
  }

  #expire(): void {
    // What the handler still does, it does beyond the time of its permit.
    if (this.#phase === OPEN) this.abandon(new DeadlineExceededError());
    else this.#release();
  }

  #giveUp(reason: HttpError): void {
    this.#givenUp ??= reason;
    this.#complete(reason.status, reason.code);
    this.#abort?.abort(reason);
  }

  #complete(status: number, error: string | undefined): void {
    if (this.#phase === COMPLETE) return;
    this.#phase = COMPLETE;
    this.meter.end(this.#begun, status, (performance.now() - this.startedAt) * 1000, error);
    this.endSpan(status, error);
    if (this.plan.onResponse.length > 0) runInScope(this, () => this.#report(status));
    if (this.#handlerDone) this.#release();
  }

  #report(status: number): void {
    const failed = (thrown: unknown): void =>
      this.site.log.error({ err: describeThrown(thrown) }, 'an onResponse hook failed');
    for (const hook of this.plan.onResponse) {
      try {
        const late: unknown = hook(this, status);
        if (late instanceof Promise) late.catch(failed);
      } catch (thrown) {
        failed(thrown);
      }
    }
  }

  #release(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#alarm?.cancel();
    if (this.#admitted > 0) this.plan.door?.leave();
    this.#place?.leave();
    this.site.requests.remove(this);
  }
}

/** These never have a body (RFC 9110 sections 15.3.5 and 15.4.5). */
const isBodiless = (status: number): boolean => status === 204 || status === 304;
