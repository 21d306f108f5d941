// One request and its answer, as handlers and the scope of everything they call see it.
import { performance } from 'node:perf_hooks';
import {
  DeadlineExceededError,
  FINAL_FIELD,
  type HttpError,
  isGatewayFailure,
  UnavailableError,
} from '../errors.js';
import { Holds } from '../hold.js';
import { PROBLEM_JSON } from '../problem.js';
import { runInScope, type Scope } from '../scope.js';
import { toError } from '../telemetry/to-error.js';
import { clientClosed } from './body/body.js';
import { type Context, SENT, type Sent } from './handler.js';
import type { LiveRequest } from './live-requests.js';
import { type Problem, problemOf } from './problem-response.js';
import { adopted, isPromise } from './promise.js';
import { Refusal } from './refusal.js';
import type { RouteMeter } from './request-observer.js';
import { isBodiless, Responder } from './responder.js';
import {
  type EventSourceFunction,
  eventStream,
  isEventSource,
  type ServerSentEvent,
} from './response/sse.js';
import { EVENT_STREAM } from './response/sse-frame.js';
import { type Pieces, StreamSource } from './response/stream-source.js';
import { UnsendableError } from './response/unsendable.js';
import type { Alarm } from './timer-wheel.js';
import { kindOf } from './value-kind.js';
import type { SocketRoute } from './websocket/websocket.js';

/**
 * A whole response of more bytes counts as held until its client has read it: a socket rarely takes them at
 * once.
 */
const LARGE_BYTES = 64 * 1024;

/** No answer yet. */
const OPEN = 0;
/** The handler's answer, or a problem, is on its way. */
const ANSWERED = 1;
/** Counted and reported; nothing follows. */
const COMPLETE = 2;

export class RequestContext extends Responder implements Context, Scope, LiveRequest {
  #older: LiveRequest | undefined;
  #newer: LiveRequest | undefined;
  #onStack = true;
  #isEndless = false;
  #phase: number = OPEN;
  #executed = false;
  /** The handler has ended, or its time is over. */
  #handlerDone = false;
  /** What its meter wants back. */
  #begun = 0;
  /** Counts as in flight. */
  #live = false;
  /** It counts among the open streams. */
  #isStream = false;
  #source: StreamSource | undefined;
  /** What ends the response has begun and is not on the stack of the handler. */
  #isUnderWay = false;
  /** The response streams, and none of its pieces has come. */
  #isSilent = false;
  /** Why the response could not be written, until the request is broken down for it. */
  #fault: { readonly thrown: unknown } | undefined;
  /** What its route's gate said; above 0 it holds a permit of it. */
  #admitted = 0;
  #place: { leave(): void } | undefined;
  #holds: Holds | undefined;
  #alarm: Alarm | undefined;
  #abort: AbortController | undefined;
  #givenUp: HttpError | undefined;
  /** Listeners of the signal run in this turn of the loop. */
  #isAborting = false;
  /** A call that this request has made failed after all its attempts. */
  #hasFailedCall = false;

  get older(): LiveRequest | undefined {
    return this.#older;
  }
  set older(request: LiveRequest | undefined) {
    this.#older = request;
  }
  get newer(): LiveRequest | undefined {
    return this.#newer;
  }
  set newer(request: LiveRequest | undefined) {
    this.#newer = request;
  }
  get onStack(): boolean {
    return this.#onStack;
  }
  get isEndless(): boolean {
    return this.#isEndless;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#givenUp !== undefined) this.#abort.abort(this.#givenUp);
    }
    return this.#abort.signal;
  }

  get holds(): Holds {
    this.#holds ??= new Holds();
    return this.#holds;
  }

  // --- answer

  /**
   * @param length of what the source gives, undefined when nobody knows
   * @throws UnsendableError for a source that cannot be iterated, UnavailableError when too many responses
   *   stream
   */
  replyStream(status: number, contentType: string, pieces: Pieces, length?: number): Sent {
    const source = this.#sourceOf(pieces);
    let isWanted = false;
    try {
      isWanted = this.#beginPieces(status, contentType, length);
    } finally {
      if (!isWanted) queueMicrotask(() => source.cancel());
    }
    if (isWanted) {
      this.#source = source;
      this.#isSilent = true;
      this.#continue(() => this.#pump(status, source));
    }
    return SENT;
  }

  #sourceOf(pieces: Pieces): StreamSource {
    try {
      return new StreamSource(pieces, (error) => this.sourceFailed(error));
    } catch (cause) {
      throw new UnsendableError(this, `cannot stream ${kindOf(pieces)}: use an async iterable`, cause);
    }
  }

  /** @returns whether there are pieces to be written */
  #beginPieces(status: number, contentType: string, length: number | undefined): boolean {
    const isHead = this.method === 'HEAD';
    if (isBodiless(status) || length === 0 || (isHead && length === undefined)) {
      this.reply(status, contentType, length === 0 ? '' : null);
      return false;
    }
    if (this.#phase === OPEN && !isHead) this.#countStream();
    if (!this.#claim()) return false;
    try {
      const fields = this.#fieldsOf(status, contentType);
      this.exchange.begin(status, fields, this.server.draining(), length);
    } catch (thrown) {
      this.#breakDownLater(thrown);
      return false;
    }
    if (isHead) this.#complete(status, undefined);
    // How long a stream lasts is its client's affair: it has a bound of its own.
    else this.#leaveGate();
    return !isHead;
  }

  /** @throws UnavailableError when there are too many */
  #countStream(): void {
    if (this.inProcess) return;
    if (!this.server.quotas.streams.take(1, this.addressKey)) {
      throw new UnavailableError('OVERLOADED', 'Too many responses are streamed at once.');
    }
    this.#isStream = true;
  }

  /** @throws UnsendableError for a source that is neither asynchronous nor a function */
  sse(source: AsyncIterable<ServerSentEvent> | EventSourceFunction): Sent {
    if (!isEventSource(source)) {
      const next = 'use an async iterable of events, or a function that returns one';
      throw new UnsendableError(this, `gave ${kindOf(source)} to ctx.sse: ${next}`);
    }
    this.header('cache-control', 'no-store');
    this.header('x-accel-buffering', 'no'); // nginx would hold events back
    this.header('content-type', EVENT_STREAM);
    const lastEventId = this.headers.get('last-event-id');
    const failed = (error: unknown): void => this.sourceFailed(error);
    const sent: Sent = this.stream(
      eventStream(source, lastEventId, { wheel: this.server.wheel, signal: this.signal, failed }),
    );
    this.#isEndless = true;
    return sent;
  }

  sourceFailed(error: unknown): void {
    // A source that was told to stop, and says so, has not failed.
    if (error !== this.#givenUp && toError(error).name !== 'AbortError')
      this.#logError(error, 'the source of a streamed response failed');
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
   * @throws Error when an answer was given already, UnavailableError when too many bytes of responses are
   *   unread
   */
  reply(
    status: number,
    contentType: string | undefined,
    body: string | Uint8Array | null,
    error?: string,
  ): Sent {
    const bodiless = isBodiless(status);
    const isCounted = this.#phase === OPEN && error === undefined && !bodiless && body !== null;
    if (isCounted && !this.#holdBytes(body)) throw tooManyBytes();
    if (!this.#claim()) return SENT;
    try {
      const fields = this.#fieldsOf(status, bodiless ? undefined : contentType);
      this.exchange.send(status, fields, bodiless ? null : body, this.server.draining());
    } catch (thrown) {
      this.#breakDownLater(thrown);
      return SENT;
    }
    this.#complete(status, error);
    return SENT;
  }

  /**
   * A large response is held until its client has read it, which may be long after its request has ended. One
   * that is larger than the share of an address counts as that share.
   * @returns false when too many bytes are held
   */
  #holdBytes(body: string | Uint8Array): boolean {
    // A character takes up to three bytes.
    if (body.length * 3 <= LARGE_BYTES || this.inProcess || this.method === 'HEAD') return true;
    const length = Buffer.byteLength(body);
    if (length <= LARGE_BYTES) return true;
    const { bodyBytes } = this.server.quotas;
    const key = this.addressKey;
    const bytes = Math.min(length, bodyBytes.mostShare);
    if (!bodyBytes.take(bytes, key)) return false;
    this.exchange.onEnded(() => bodyBytes.give(bytes, key));
    return true;
  }

  /** A problem takes nothing over from the answer that was being prepared. */
  replyProblem(problem: Problem): void {
    if (this.#phase !== OPEN) return;
    this.fields.replaceBy(problem.headers);
    this.reply(problem.status, PROBLEM_JSON, problem.body, problem.code);
  }

  callFailed(): void {
    this.#hasFailedCall = true;
  }

  /** With the mark of a failure that is passed on: repeated by each layer of callers, it would multiply. */
  #fieldsOf(status: number, contentType: string | undefined): string[] {
    const fields = this.fieldList(contentType);
    if (this.#hasFailedCall && isGatewayFailure(status)) fields.push(FINAL_FIELD, '1');
    return fields;
  }

  // --- life, driven by the pipeline

  get answered(): boolean {
    return this.#phase !== OPEN;
  }
  /** The handler was called. Nothing that it does can take that back. */
  get executed(): boolean {
    return this.#executed;
  }
  get isAborted(): boolean {
    return this.#givenUp !== undefined;
  }
  get isAnswered(): boolean {
    return this.#phase === COMPLETE && this.#givenUp === undefined;
  }
  get meter(): RouteMeter {
    return this.method === 'HEAD' ? this.plan.headMeter : this.plan.meter;
  }

  begin(): void {
    this.#live = true;
    this.server.requests.add(this);
    if (this.plan.onResponse.length > 0) this.#keepAddress();
    this.#begun = this.meter.begin(this.startedAt);
    this.beginSpan();
    if (!this.exchange.isBodyPassing) return;
    this.exchange.onBodyRefused((error) => {
      this.server.refused(error.code.toLowerCase());
      this.abandon(error);
    });
  }

  /**
   * Takes a permit of the route's gate; false when there is none. Its caller's covers an in-process request.
   */
  admit(): boolean {
    const { gate } = this.plan;
    if (gate === undefined || this.exchange.head.inProcess) return true;
    this.#admitted = gate.enter();
    return this.#admitted > 0;
  }

  /**
   * Milliseconds by which a refusal by the route's gate is to be held back. Nothing is begun while draining,
   * and a body on its way is not waited for.
   */
  get holdMs(): number {
    const { gate } = this.plan;
    if (gate === undefined || this.server.draining() || this.exchange.isBodyPassing) return 0;
    return Math.min(gate.holdMs, this.timeoutMs);
  }

  /** Sends a refusal when its time has come. */
  holdBack(refuse: () => void): void {
    this.exchange.onClosed(() => {
      this.#giveUp(clientClosed());
      this.handlerDone();
    });
    this.#alarm = this.server.wheel.after(this.holdMs, refuse);
  }

  #leaveGate(): void {
    if (this.#admitted > 0) this.plan.gate?.leave(this.#onStack);
    this.#admitted = 0;
  }

  /** A request that waits for its client does no work, so it gives its permit to one that does. */
  bodyAwaited(): void {
    this.#leaveGate();
  }

  bodyArrived(): HttpError | undefined {
    if (!this.#live || this.#handlerDone || this.admit()) return undefined;
    return new UnavailableError('OVERLOADED', 'Too many requests are in flight.');
  }

  /** The callback of the socket returns. */
  leaveStack(): void {
    this.#onStack = false;
  }

  /** From here on a 503 no longer says that nothing was executed, whatever its code. */
  handlerCalled(): void {
    this.#executed = true;
  }

  hold(place: { leave(): void }): void {
    if (this.#live) this.#place = place;
    else place.leave();
  }

  /**
   * The handler goes on asynchronously, be it behind its response: from now on the client may leave, and the
   * deadline bounds how long the handler keeps its permit and its place.
   */
  detach(): void {
    if (this.#alarm !== undefined) return;
    this.#keepAddress();
    this.exchange.onClosed(() => this.#giveUp(clientClosed()));
    this.#boundTime();
  }

  #boundTime(): void {
    const left = this.startedAt + this.timeoutMs - performance.now();
    this.#alarm = this.server.wheel.after(left, () => this.#expire());
  }

  /** The handler has returned or thrown, its promise has settled, or its time is over. */
  handlerDone(): void {
    this.#handlerDone = true;
    if (!this.#isSilent) this.#alarm?.cancel();
    if (this.#phase === ANSWERED && !this.#isUnderWay)
      this.#fault ??= { thrown: new Error('the response was begun and cannot end') };
    this.#endFaulty();
    if (this.#phase === COMPLETE) this.#release();
  }

  /** Safe at any time: also when the handler was broken off and none of its own ends can be relied on. */
  abandon(error: HttpError): void {
    if (!this.#live) return;
    this.#release(error);
    this.exchange.leaveCallback();
    if (this.#phase === OPEN) this.replyProblem(problemOf(error, this));
    // Half a stream must not pass for a whole one. Of events there is no whole: the client comes again.
    else if (!this.#isEndless) this.exchange.destroy();
    else {
      this.exchange.end();
      this.#complete(this.chosenStatus ?? 200, undefined);
    }
    this.#giveUp(error);
  }

  /** None of its own ends will come: also what its handler has taken for a piece of work is given back. */
  interrupt(error: HttpError): void {
    try {
      this.#holds?.release();
    } finally {
      this.abandon(error);
    }
  }

  /**
   * The response cannot be written, or nobody knows how far it has been: the connection ends, and so does the
   * request.
   */
  breakDown(thrown: unknown): void {
    this.exchange.destroy();
    if (this.#phase === OPEN) this.#phase = ANSWERED;
    this.#complete(500, 'INTERNAL');
    this.#logError(thrown, 'a response could not be written');
  }

  /**
   * The same, but not on the stack of the handler: it may have hardly any left. If there is too little to put
   * it off, the end of the handler does it.
   */
  #breakDownLater(thrown: unknown): void {
    this.#fault = { thrown };
    try {
      queueMicrotask(() => this.#endFaulty());
    } catch {
      // The handler goes on as if it had responded, and does not try again at every depth that it comes back
      // to.
    }
  }

  #endFaulty(): void {
    if (this.#fault === undefined) return;
    const { thrown } = this.#fault;
    this.#fault = undefined;
    this.breakDown(thrown);
  }

  #logError(thrown: unknown, message: string): void {
    this.server.log.error({ err: toError(thrown), route: this.route }, message);
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
    this.#continue(() => this.#sendLater(status, contentType, make));
    return SENT;
  }

  /**
   * What ends the response begins with a stack of its own: a handler may answer when it has hardly any left.
   */
  #continue(run: () => Promise<void>): void {
    queueMicrotask(() => void run());
    this.#isUnderWay = true;
  }

  /**
   * Has the exchange remember the client's address, which the core forgets with the response or when the
   * client leaves. It costs nearly a microsecond, so only requests pay for it whose code can read it later:
   * those with an `onResponse` hook, and what is asynchronous.
   */
  #keepAddress(): void {
    this.exchange.remoteAddress();
  }

  async #pump(status: number, source: StreamSource): Promise<void> {
    if (this.#phase === COMPLETE) return;
    try {
      this.#keepAddress();
      this.exchange.onClosed(() => this.#giveUp(clientClosed()));
      if (this.#alarm === undefined) this.#boundTime();
      for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
        this.#hasSpoken();
        await this.exchange.write(piece);
      }
      this.exchange.end();
      this.#complete(status, undefined);
    } catch (thrown) {
      source.cancel();
      if (this.#givenUp !== undefined) return;
      // The client has its status already: for the log and the metrics it is what went wrong.
      const error = toError(thrown);
      const { status: failed, code, fault } = problemOf(error, this);
      if (error instanceof Refusal) this.server.refused(error.code.toLowerCase());
      if (fault !== undefined) this.#logError(fault, 'a streamed answer failed');
      this.#complete(failed, code);
      this.exchange.destroy();
    }
  }

  /** The deadline is that of the first byte. */
  #hasSpoken(): void {
    if (!this.#isSilent) return;
    this.#isSilent = false;
    if (this.#handlerDone) this.#alarm?.cancel();
  }

  async #sendLater(status: number, contentType: string, make: () => Promise<Uint8Array>): Promise<void> {
    try {
      this.exchange.onClosed(() => this.#giveUp(clientClosed()));
      const body = await make();
      if (this.#phase !== ANSWERED) return;
      if (!this.#holdBytes(body)) {
        this.#phase = OPEN;
        this.replyProblem(problemOf(tooManyBytes(), this));
        return;
      }
      this.exchange.send(status, this.#fieldsOf(status, contentType), body, this.server.draining());
      this.#complete(status, undefined);
    } catch (error) {
      this.breakDown(error);
    }
  }

  #expire(): void {
    if (this.#phase === OPEN || (this.#isSilent && this.#phase === ANSWERED)) {
      this.abandon(new DeadlineExceededError());
      return;
    }
    // What the handler still does, it does beyond the time of its permit. A response that is under way goes
    // on.
    this.#leaveGate();
    this.handlerDone();
  }

  #giveUp(reason: HttpError): void {
    this.#givenUp ??= reason;
    this.#complete(reason.status, reason.code);
    const abort = this.#abort;
    if (abort !== undefined && !abort.signal.aborted)
      this.#callService(() => this.#tellListeners(abort, reason));
  }

  #tellListeners(abort: AbortController, reason: HttpError): void {
    this.#isAborting = true;
    setImmediate(() => {
      this.#isAborting = false;
    });
    abort.abort(reason);
  }

  /**
   * Logs what a listener of `signal` has thrown: Node.js throws it again in a tick of its own.
   * @returns false for any other exception that nothing has caught
   */
  listenerFailed(thrown: unknown): boolean {
    if (this.#isAborting) this.#logError(thrown, 'an abort listener failed');
    return this.#isAborting;
  }

  #complete(status: number, error: string | undefined): void {
    if (this.#phase === COMPLETE) return;
    // Counted first: where that fails for want of stack, the end of the handler repeats it.
    this.meter.end(this.#begun, status, (performance.now() - this.startedAt) * 1000, error);
    this.#phase = COMPLETE;
    this.#isSilent = false;
    try {
      this.endSpan(status, error);
      if (this.plan.onResponse.length > 0) this.#callService(() => this.#report(status));
    } finally {
      this.#endStream();
      if (this.#handlerDone) this.#release();
    }
  }

  /** Releases what the response holds, whether or not the handler has ended. */
  #endStream(): void {
    if (this.#isStream) this.server.quotas.streams.give(1, this.addressKey);
    this.#isStream = false;
    const source = this.#source;
    this.#source = undefined;
    if (source !== undefined) this.#callService(() => source.cancel());
  }

  #callService(callback: () => void): void {
    this.server.serviceCode.run(() => runInScope(this, callback));
  }

  #report(status: number): void {
    const failed = (thrown: unknown): void => this.#logError(thrown, 'an onResponse hook failed');
    for (const hook of this.plan.onResponse) {
      try {
        const late: unknown = hook(this, status);
        if (isPromise(late)) adopted(late).catch(failed);
      } catch (thrown) {
        failed(thrown);
      }
    }
  }

  /** @param reason told to a reader that still waits for the body */
  #release(reason = this.#givenUp): void {
    if (!this.#live) return;
    this.#live = false;
    this.#alarm?.cancel();
    this.#leaveGate();
    this.#place?.leave();
    this.#endStream();
    this.releaseBody(reason);
    this.server.requests.remove(this);
  }
}

const tooManyBytes = (): UnavailableError =>
  new UnavailableError('OVERLOADED', 'Too many bytes of responses have not been read yet.');
