// The life of one request: the permits that it holds, its deadline, what aborts it, and how it ends.
//
// A request ends when its response is complete and its handler has ended. Each may come first: a handler may
// go on after its response, and the response may be a stream that its handler does not wait for. What the
// request holds is released once, on every path.
import { performance } from 'node:perf_hooks';
import { type AbortSource, OwnAbort } from '../abort-source.js';
import { DeadlineExceededError, type HttpError, UnavailableError } from '../errors.js';
import { Holds } from '../hold.js';
import { runInScope, type Scope } from '../scope.js';
import { type BodyOwner, clientClosed } from './body/body.js';
import { BodyReader } from './body-reader.js';
import type { Exchange } from './exchange.js';
import type { Context } from './handler.js';
import { IncomingRequest } from './incoming-request.js';
import type { LiveRequest } from './live-requests.js';
import { OutgoingResponse } from './outgoing-response.js';
import type { RouteMeter } from './request-observer.js';
import { runResponseHooks } from './response-hooks.js';
import type { ResponseOwner } from './response-owner.js';
import type { RoutePlan } from './routing/route-plan.js';
import type { Params } from './routing/router.js';
import type { ServerContext } from './server-context.js';
import type { Alarm } from './timer-wheel.js';

/** No meter returns this number. */
const NOT_COUNTED = -1;

export abstract class RequestLifecycle implements LiveRequest, BodyOwner, ResponseOwner {
  // Private, like all fields of its parts: a copy of the context, or a log line about it, shows none of them.
  readonly #request: IncomingRequest;
  readonly #response: OutgoingResponse;
  #bodyReader: BodyReader | undefined;
  #older: LiveRequest | undefined;
  #newer: LiveRequest | undefined;
  #onStack = true;
  #isExecuted = false;
  #hasLeftBody = false;
  /** The handler has ended, or its time is over. */
  #isHandlerDone = false;
  /** The request counts as in flight, and holds what it has taken. */
  #isLive = false;
  /** Nothing is held any more, and the list of live requests is left. */
  #isReleased = false;
  /** What the meter returned at the beginning and gets at the end; NOT_COUNTED before. */
  #meterBegun = NOT_COUNTED;
  /** What the gate of the route returned; above 0 the request holds a permit. */
  #admitted = 0;
  /** The request counts as load of its service. */
  #isCounted = false;
  /** `performance.now()` when the work on the request began, or began again when its body had arrived. */
  #workSince: number;
  #bulkheadPermit: { leave(): void } | undefined;
  #holds: Holds | undefined;
  #alarm: Alarm | undefined;
  /** The deadline aborts the signal, as far as it is not stopped. */
  #endsInTime = true;
  #abortSource: OwnAbort | undefined;
  #abortReason: HttpError | undefined;
  /** Listeners of the signal run in this turn of the event loop. */
  #isAborting = false;

  constructor(
    server: ServerContext,
    exchange: Exchange,
    plan: RoutePlan,
    params: Params,
    startedAt: number,
    isPeer: boolean,
  ) {
    this.#request = new IncomingRequest(server, exchange, plan, params, startedAt, isPeer);
    this.#response = new OutgoingResponse(this.#request, this);
    this.#workSince = startedAt;
  }

  /** The request as code of services sees it. */
  protected abstract get context(): Context & Scope;
  abstract get requestId(): string;
  abstract get traceId(): string;

  get request(): IncomingRequest {
    return this.#request;
  }
  get response(): OutgoingResponse {
    return this.#response;
  }
  get bodyReader(): BodyReader {
    this.#bodyReader ??= new BodyReader(this.#request, this);
    return this.#bodyReader;
  }

  // --- in the list of live requests

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
  get startedAt(): number {
    return this.#request.startedAt;
  }
  get onStack(): boolean {
    return this.#onStack;
  }
  get inCallback(): boolean {
    return this.#request.exchange.inCallback === true;
  }
  get isEndless(): boolean {
    return this.#response.isEndless;
  }
  get hasFullResponse(): boolean {
    return this.#response.isComplete && this.#abortReason === undefined;
  }

  // --- the beginning

  begin(): void {
    const request = this.#request;
    const { server, exchange, plan } = request;
    this.#isLive = true;
    server.requests.add(this);
    if (plan.onResponse.length > 0) request.rememberAddress();
    this.#meterBegun = this.meter.begin(request.startedAt, request.requestId, request.requestNumber);
    request.beginSpan();
    if (!exchange.isBodyPassing && exchange.isRequestArriving !== true) return;
    exchange.onBodyRefused((error) => {
      server.refused(error.code.toLowerCase());
      this.abandon(error);
    });
  }

  get meter(): RouteMeter {
    const { method, plan } = this.#request;
    return method === 'HEAD' ? plan.headMeter : plan.meter;
  }

  /** The handler has been called, so the request may have had effects, whatever its response is. */
  get executed(): boolean {
    return this.#isExecuted;
  }
  /** Call when the handler is called: from now on no 503 reports that nothing was executed. */
  handlerCalled(): void {
    this.#isExecuted = true;
    this.#request.phases?.enter('handler');
  }

  /**
   * Call when all that the handler has done was certainly not executed: its own calls were refused or not
   * sent.
   */
  nothingExecuted(): void {
    this.#isExecuted = false;
  }

  /**
   * Leaves the body, and the permit that a slow client would hold, to another request over the same exchange.
   */
  leaveBody(): void {
    this.#hasLeftBody = true;
    this.releasePermit();
  }

  /**
   * Call before the callback of the socket returns: receives a body that nothing has read, for a later
   * reader.
   */
  leaveStack(): void {
    if (!this.#hasLeftBody && this.#request.exchange.isBodyPassing) this.bodyReader.receive();
    this.#onStack = false;
  }

  // --- permits

  /** Takes a permit of the route's gate; the permit of its caller covers a request within the process. */
  admit(): boolean {
    const { gate, load } = this.#request.plan;
    if (gate !== undefined && !this.#request.exchange.head.inProcess) {
      this.#admitted = gate.enter();
      if (this.#admitted <= 0) return false;
    }
    if (load !== undefined) {
      load.enter();
      this.#isCounted = true;
    }
    return true;
  }

  releasePermit(): void {
    const { gate, load } = this.#request.plan;
    // What is released is forgotten first: a step that is cut off and repeated would release it twice.
    const wasAdmitted = this.#admitted > 0;
    this.#admitted = 0;
    if (wasAdmitted) gate?.leave(this.#onStack);
    const wasCounted = this.#isCounted;
    this.#isCounted = false;
    if (wasCounted) load?.leave();
  }

  /** Only callers of the mesh get a report. Its latency is that of their requests that did not fail. */
  loadReport(status: number): string | undefined {
    const { plan, exchange, isPeer } = this.#request;
    const { load } = plan;
    if (load === undefined || !isPeer || exchange.head.inProcess) return undefined;
    if (status < 500) load.took((performance.now() - this.#workSince) * 1000);
    return load.report(this.#isCounted ? 1 : 0);
  }

  /**
   * Milliseconds by which a refusal of the route's gate is to be delayed. It is not delayed during a drain,
   * nor while a body arrives.
   */
  get holdMs(): number {
    const { plan, server, exchange, timeoutMs } = this.#request;
    const { gate } = plan;
    if (gate === undefined || server.draining() || exchange.isBodyPassing) return 0;
    return Math.min(gate.holdMs, timeoutMs);
  }

  /** Sends a refusal when its time has come. */
  delayRefusal(refuse: () => void): void {
    const { exchange, server } = this.#request;
    exchange.onClosed((reason) => {
      this.abort(reason ?? clientClosed());
      this.handlerDone();
    });
    this.#alarm = server.wheel.after(this.holdMs, refuse);
  }

  /** A request that waits for its client does no work, so its permit is released for one that does. */
  bodyAwaited(): void {
    this.#request.phases?.began('body');
    this.detach();
    this.releasePermit();
  }

  bodyArrived(goesOn: boolean): HttpError | undefined {
    this.#request.phases?.ended('body');
    this.#workSince = performance.now();
    if (!goesOn || !this.#isLive || this.#isHandlerDone || this.admit()) return undefined;
    return new UnavailableError('OVERLOADED', 'Too many requests are in flight.');
  }

  bodyLost(error: HttpError): void {
    const { server, plan, method, route } = this.#request;
    server.lostBodies.report({ service: plan.service, method, route, requestId: this.requestId }, error);
  }

  hold(permit: { leave(): void }): void {
    if (this.#isLive) this.#bulkheadPermit = permit;
    else permit.leave();
  }

  get holds(): Holds {
    this.#holds ??= new Holds();
    return this.#holds;
  }

  // --- deadline and abort

  /**
   * Call when the handler goes on asynchronously, even after its response: from now on the client may leave,
   * and the deadline bounds how long the handler keeps its permits.
   */
  detach(): void {
    if (this.#alarm !== undefined) return;
    this.#request.rememberAddress();
    this.#request.exchange.onClosed((reason) => this.abort(reason ?? clientClosed()));
    this.startDeadline();
  }

  startDeadline(): void {
    if (this.#alarm !== undefined) return;
    const { startedAt, timeoutMs, server } = this.#request;
    const left = startedAt + timeoutMs - performance.now();
    this.#alarm = server.wheel.after(left, () => this.#expire());
  }

  /** Work that goes on keeps its deadline. Work that begins later has a time of its own. */
  streamBegan(): void {
    this.#request.endDeadline();
    if (this.#isHandlerDone) this.stopDeadline();
  }

  /** Calls that go on, or begin later, end at the deadline by timers of their own. */
  stopDeadline(): void {
    this.#alarm?.cancel();
    this.#endsInTime = false;
    this.#abortSource?.unbound();
  }

  #expire(): void {
    if (this.#response.awaitsFirstByte) {
      this.abandon(new DeadlineExceededError());
      return;
    }
    // The response has begun and goes on. The handler may go on too, but its permits end with the deadline.
    this.#response.outlastsDeadline();
    this.releasePermit();
    this.handlerDone();
  }

  get abortSource(): AbortSource {
    if (this.#abortSource === undefined) {
      this.#abortSource = new OwnAbort();
      if (this.#abortReason !== undefined) this.#abortSource.abort(this.#abortReason);
    }
    return this.#abortSource;
  }
  get signal(): AbortSignal {
    return this.abortSource.signal;
  }

  /** Response and handler have ended. */
  get isOver(): boolean {
    return !this.#isLive;
  }
  get endsInTime(): boolean {
    return this.#endsInTime;
  }

  get isAborted(): boolean {
    return this.#abortReason !== undefined;
  }
  isAbortReason(error: unknown): boolean {
    return error === this.#abortReason;
  }

  /** Completes the response if it is not complete, and aborts what the handler waits for. */
  abort(reason: HttpError): void {
    this.#abortReason ??= reason;
    this.#response.complete(reason.status, reason.code);
    const source = this.#abortSource;
    if (source !== undefined && !source.aborted) this.callService(() => this.#abortSignal(source, reason));
  }

  #abortSignal(source: OwnAbort, reason: HttpError): void {
    this.#isAborting = true;
    setImmediate(() => {
      this.#isAborting = false;
    });
    source.abort(reason);
  }

  /**
   * Logs what a listener of `signal` has thrown: Node.js throws it again in a tick of its own.
   * @returns false for any other exception that nothing has caught
   */
  listenerFailed(thrown: unknown): boolean {
    if (this.#isAborting) this.#request.logError(thrown, 'an abort listener failed');
    return this.#isAborting;
  }

  // --- the end

  /** The handler has returned or thrown, its promise has settled, or its time is over. */
  handlerDone(): void {
    this.#isHandlerDone = true;
    if (!this.#response.isStreamStarting) this.stopDeadline();
    this.#response.handlerDone();
    if (this.#response.isComplete) this.#release();
  }

  countResponse(status: number, error: string | undefined): void {
    if (this.#meterBegun === NOT_COUNTED) return; // its beginning was cut off
    const microseconds = (performance.now() - this.#request.startedAt) * 1000;
    this.meter.end(this.#meterBegun, status, microseconds, error, this.#request.recordedTrace);
  }

  responseComplete(status: number, error: string | undefined): void {
    try {
      this.#request.responded(status, error);
      if (this.#request.plan.onResponse.length > 0) this.callService(() => this.#runOnResponse(status));
    } finally {
      this.#response.releaseStream();
      if (this.#isHandlerDone) this.#release();
      else this.#bodyReader?.stop();
    }
  }

  #runOnResponse(status: number): void {
    const request = this.#request;
    runResponseHooks(request.plan.onResponse, this.context, status, (thrown) =>
      request.logError(thrown, 'an onResponse hook failed'),
    );
  }

  callService(callback: () => void): void {
    this.#request.server.serviceCode.run(() => this.#runMetered(callback));
  }

  /** Other code may be running: that of a caller in this worker, whose request this one serves. */
  #runMetered(callback: () => void): void {
    const { meter } = this;
    const before = meter.enter(performance.now());
    try {
      runInScope(this.context, callback);
    } finally {
      meter.leave(before);
    }
  }

  /**
   * Ends the request, whatever its handler does. Safe at any time, also when the handler was interrupted and
   * reaches none of its own ends.
   */
  abandon(error: HttpError): void {
    if (this.#isReleased) return;
    this.#release(error);
    this.#request.exchange.leaveCallback();
    this.#response.abandon(error);
    this.abort(error);
  }

  /**
   * Ends a request whose code was interrupted: like `abandon`, and releases what its handler holds (`Hold`).
   */
  interrupt(error: HttpError): void {
    try {
      this.#holds?.release();
    } finally {
      this.abandon(error);
    }
  }

  /**
   * Ends a request that was cut off. Its caller in the process has an error already, or was cut off too. The
   * signal does not abort: behind a timeout of `node:vm` the caller goes on in the scope of this request.
   */
  endCutOff(error: HttpError): void {
    this.#request.exchange.callerIsGone?.();
    try {
      this.#holds?.release();
    } finally {
      this.#release(error);
      this.#response.abandon(error);
      this.#response.complete(error.status, error.code);
    }
  }

  /**
   * It is repeated when a full stack has ended one of its steps (`LiveRequests.cutOff`). A permit is not
   * released again: one whose release had not begun makes its bound too strict until its thread ends.
   * @param reason for a reader that still waits for the body
   */
  #release(reason = this.#abortReason): void {
    if (this.#isReleased) return;
    this.#isLive = false;
    this.stopDeadline();
    this.releasePermit();
    const permit = this.#bulkheadPermit;
    this.#bulkheadPermit = undefined;
    permit?.leave();
    this.#response.releaseStream();
    this.#bodyReader?.release(reason);
    if (this.#isReleased) return; // one of the steps has led here
    this.#request.server.requests.remove(this);
    this.#isReleased = true;
  }
}
