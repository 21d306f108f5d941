// The response to one request: its status and fields, and how it is sent. It is sent once: whole, at
// once or later, or in pieces. After the client has left or the deadline has passed nothing is sent any more.
// The kinds of bodies are in responders.ts.
//
// A handler may respond when it has hardly any stack left. So a call that needs more stack runs in a
// microtask, which begins with an empty stack, or is repeated when the handler has ended.
import { FINAL_FIELD, type HttpError, isGatewayFailure, LOAD_FIELD } from '../errors.js';
import { PROBLEM_JSON } from '../problem.js';
import { toError } from '../telemetry/to-error.js';
import { clientClosed } from './body/body.js';
import type { Exchange } from './exchange.js';
import { type ReadonlyFields, SENT, type Sent } from './handler.js';
import type { IncomingRequest } from './incoming-request.js';
import { type Problem, problemOf } from './problem-response.js';
import { ResponseFields } from './response/response-fields.js';
import { type Pieces, StreamSource } from './response/stream-source.js';
import { UnsendableError } from './response/unsendable.js';
import type { ResponseOwner, TakenState } from './response-owner.js';
import { holdBytes, tooManyBytes } from './response-quotas.js';
import { StreamedResponse } from './streamed-response.js';
import { kindOf } from './value-kind.js';
import type { SocketRoute } from './websocket/websocket.js';

/** Nothing has been sent. */
const OPEN = 0;
/** A response of the handler, or a problem document, has been started. */
const STARTED = 1;
/** The response is counted and reported; nothing follows. */
const COMPLETE = 2;

/** These never have a body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5). */
export const isBodiless = (status: number): boolean => status === 204 || status === 205 || status === 304;

export class OutgoingResponse {
  readonly #request: IncomingRequest;
  readonly #owner: ResponseOwner;
  #status = 0;
  #fields: ResponseFields | undefined;
  #phase: number = OPEN;
  #isEndless = false;
  /** The end of the response is scheduled and does not need the stack of the handler. */
  #isUnderWay = false;
  #stream: StreamedResponse | undefined;
  /** An application of `node:http` writes the response. */
  #taken: TakenState | undefined;
  /** Why the response could not be written; kept until the request is ended for it. */
  #fault: { readonly thrown: unknown } | undefined;
  /** A call that this request has made failed after all its attempts. */
  #hasFailedCall = false;
  #isInCircle = false;

  constructor(request: IncomingRequest, owner: ResponseOwner) {
    this.#request = request;
    this.#owner = owner;
  }

  get request(): IncomingRequest {
    return this.#request;
  }
  /** Method and fields of the request: what a file response depends on. */
  get method(): string {
    return this.#request.method;
  }
  get headers(): ReadonlyFields {
    return this.#request.headers;
  }
  get #exchange(): Exchange {
    return this.#request.exchange;
  }
  get signal(): AbortSignal {
    return this.#owner.signal;
  }
  /** A response has been started, or none can be sent any more. */
  get hasResponse(): boolean {
    return this.#phaseNow !== OPEN;
  }
  /** Node.js does not report that the first bytes of a response are sent. */
  get #phaseNow(): number {
    if (this.#taken !== undefined && this.#phase === OPEN && this.#taken.isSent) this.handOver();
    return this.#phase;
  }
  get isComplete(): boolean {
    return this.#phase === COMPLETE;
  }
  /** No byte of the response has been sent and none is about to be. */
  get awaitsFirstByte(): boolean {
    return this.#phaseNow === OPEN || this.isStreamStarting;
  }
  /** The response is a stream whose first piece has not come. */
  get isStreamStarting(): boolean {
    return this.#phase === STARTED && this.#stream !== undefined && this.#stream.awaitsFirstPiece;
  }
  /** The response is a stream of events, which has no end that its client could miss. */
  get isEndless(): boolean {
    return this.#isEndless || this.#taken?.isEndless === true;
  }
  markEndless(): void {
    this.#isEndless = true;
  }

  // --- status and fields

  /** The status that the handler has set; undefined when it has set none. */
  get chosenStatus(): number | undefined {
    return this.#status === 0 ? undefined : this.#status;
  }
  setStatus(code: number): void {
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new UnsendableError(
        this.#request,
        `set the status ${typeof code === 'number' ? code : kindOf(code)}: use a whole number from 200 to 599`,
      );
    }
    this.#status = code;
  }

  get hasFields(): boolean {
    return this.#fields !== undefined;
  }
  get fields(): ResponseFields {
    this.#fields ??= new ResponseFields();
    return this.#fields;
  }
  header(name: string, value: string, always = false): void {
    if (this.#exchange.isHeadSent === true)
      throw new UnsendableError(this.#request, 'set metadata after its first message: set it before');
    try {
      this.fields.set(name, value, always);
    } catch (cause) {
      throw new UnsendableError(
        this.#request,
        'set a header field that cannot be sent: use a name and a value of RFC 9110',
        cause,
      );
    }
  }
  vary(name: string): void {
    this.fields.vary(name);
  }

  /** Drops status and fields when the handler has failed: `onError` hooks start with a fresh response. */
  dropPrepared(): void {
    this.#fields?.replaceBy([]);
    this.#status = 0;
  }

  /** @param isCircle see `Scope.callFailed` */
  callFailed(isCircle: boolean): void {
    this.#hasFailedCall = true;
    this.#isInCircle ||= isCircle;
  }

  /**
   * All fields except those that frame the body. A failure that is passed on is marked, because each layer of
   * callers would repeat the call and so multiply it. So is the failure of a circle of calls, which would
   * count once for each of them.
   */
  #fieldList(status: number, contentType: string | undefined): string[] {
    const fields = this.#ownFields(contentType);
    this.#addLateFields(status, fields);
    return fields;
  }
  #addLateFields(status: number, fields: string[]): void {
    const isPassedOn = isGatewayFailure(status) || (this.#isInCircle && status === 500);
    if (this.#hasFailedCall && isPassedOn) fields.push(FINAL_FIELD, '1');
    const load = this.#owner.loadReport(status);
    if (load !== undefined) fields.push(LOAD_FIELD, load);
  }
  #ownFields(contentType: string | undefined): string[] {
    const { requestId } = this.#request;
    if (this.#fields !== undefined) return this.#fields.list(requestId, contentType);
    return contentType === undefined
      ? ['x-request-id', requestId]
      : ['content-type', contentType, 'x-request-id', requestId];
  }

  // --- whole responses

  /**
   * Sends the whole response. Does nothing after the client has left or the deadline has passed.
   * @param error code of the problem that `body` is
   * @throws Error when a response was started already, UnavailableError when too many bytes of responses are
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
    if (isCounted && !holdBytes(this.#request, body)) throw tooManyBytes();
    if (!this.#start()) return SENT;
    try {
      const fields = this.#fieldList(status, bodiless ? undefined : contentType);
      this.#exchange.send(status, fields, bodiless ? null : body, this.#request.server.draining());
    } catch (thrown) {
      this.#breakDownLater(thrown);
      return SENT;
    }
    this.complete(status, error);
    return SENT;
  }

  /** Sends a problem document, which takes nothing over from the response that was being prepared. */
  replyProblem(problem: Problem): void {
    if (this.#phaseNow !== OPEN) return;
    this.fields.replaceBy(problem.headers);
    this.reply(problem.status, PROBLEM_JSON, problem.body, problem.code);
  }

  /** Sends what `make` resolves with. The response counts as started from now on. */
  replyLater(status: number, contentType: string | undefined, make: () => Promise<Uint8Array>): Sent {
    if (!this.#start()) return SENT;
    this.#schedule(() => this.#sendLater(status, contentType, make));
    return SENT;
  }

  async #sendLater(
    status: number,
    contentType: string | undefined,
    make: () => Promise<Uint8Array>,
  ): Promise<void> {
    try {
      this.#exchange.onClosed((reason) => this.#owner.abort(reason ?? clientClosed()));
      const body = await make();
      if (this.#phase !== STARTED) return;
      if (!holdBytes(this.#request, body)) {
        this.#phase = OPEN;
        this.replyProblem(problemOf(tooManyBytes(), this.#owner));
        return;
      }
      const fields = this.#fieldList(status, contentType);
      this.#exchange.send(status, fields, body, this.#request.server.draining());
      this.complete(status, undefined);
    } catch (error) {
      this.breakDown(error);
    }
  }

  /**
   * Turns the connection into a WebSocket, which ends the request.
   * @returns false where that is impossible
   */
  upgrade(route: SocketRoute, protocol: string | undefined, data: unknown): boolean {
    const { exchange, params, requestId, trace } = this.#request;
    if (exchange.accept === undefined) return false;
    if (!this.#start()) return true;
    const key = this.#request.headers.get('sec-websocket-key') ?? '';
    const extensions = this.#request.headers.getAll('sec-websocket-extensions').join(', ');
    const headers = this.#ownFields(undefined);
    exchange.accept({ route, headers, key, protocol, extensions, params, data, requestId, trace });
    this.complete(101, undefined);
    return true;
  }

  /**
   * Leaves the response to another request over the same exchange, which sends it. Call `complete` when it
   * has been sent.
   * @returns false when the response is not wanted any more
   */
  handOver(): boolean {
    if (this.#phase !== OPEN) return false;
    this.#phase = STARTED;
    this.#isUnderWay = true;
    return true;
  }

  // --- responses of applications of `node:http`

  /** Leaves the response to an application, until another one is sent in its place. */
  leaveTo(taken: TakenState): void {
    this.#taken = taken;
  }
  outlastsDeadline(): void {
    this.#taken?.outlastsDeadline();
  }
  /** The fields that hooks have set, for an application that may replace them. */
  takenFields(): readonly string[] {
    return this.#fields === undefined ? [] : this.#ownFields(undefined);
  }
  /** The fields that depend on the status of the application. */
  lateFields(status: number): readonly string[] {
    const fields: string[] = [];
    this.#addLateFields(status, fields);
    return fields;
  }

  // --- responses in pieces

  /**
   * Sends what a source yields.
   * @param length bytes that the source yields in total; undefined when that is unknown
   * @param hasBegun the source has begun, although its first piece may come much later: the deadline of the
   *   request is over
   * @throws UnsendableError for a source that cannot be iterated, UnavailableError when too many responses
   *   are streamed
   */
  replyStream(
    status: number,
    contentType: string | undefined,
    pieces: Pieces,
    length?: number,
    hasBegun = false,
  ): Sent {
    const stream = new StreamedResponse(this.#request, this.#owner, this.#sourceOf(pieces));
    let isWanted = false;
    try {
      isWanted = this.#startStream(stream, status, contentType, length);
    } finally {
      if (!isWanted) queueMicrotask(() => stream.cancel());
    }
    if (isWanted) {
      stream.schedule(!hasBegun);
      this.#schedule(() => stream.send(status, this));
    }
    return SENT;
  }

  #sourceOf(pieces: Pieces): StreamSource {
    try {
      return new StreamSource(pieces, (error) => this.sourceFailed(error));
    } catch (cause) {
      const what = `cannot stream ${kindOf(pieces)}: use an async iterable`;
      throw new UnsendableError(this.#request, what, cause);
    }
  }

  /** @returns whether there are pieces to be written */
  #startStream(
    stream: StreamedResponse,
    status: number,
    contentType: string | undefined,
    length: number | undefined,
  ): boolean {
    const isHead = this.#request.method === 'HEAD';
    if (isBodiless(status) || length === 0 || (isHead && length === undefined)) {
      this.reply(status, contentType, length === 0 ? '' : null);
      return false;
    }
    if (this.#phase === OPEN && !isHead) {
      stream.takePermit();
      this.#stream = stream;
    }
    if (!this.#start()) return false;
    try {
      this.#begin(status, () => this.#fieldList(status, contentType), length);
    } catch (thrown) {
      this.#breakDownLater(thrown);
      return false;
    }
    if (isHead) this.complete(status, undefined);
    // The client decides how long a stream lasts; open streams have a bound of their own.
    else this.#owner.releasePermit();
    return !isHead;
  }

  #begin(status: number, fields: () => string[], length: number | undefined): void {
    const exchange = this.#exchange;
    if (exchange.beginLater !== undefined) exchange.beginLater(fields);
    else exchange.begin(status, fields(), this.#request.server.draining(), length);
  }

  /** Logs what the source of a streamed response has thrown, or what releasing it has thrown. */
  sourceFailed(error: unknown): void {
    // A source that was told to stop, and throws for that, has not failed.
    if (!this.#owner.isAbortReason(error) && toError(error).name !== 'AbortError')
      this.#request.logError(error, 'the source of a streamed response failed');
  }

  // --- ends

  complete(status: number, error: string | undefined): void {
    if (this.#phase === COMPLETE) return;
    // It is counted first: if that fails because no stack is left, it is repeated when the handler has ended.
    this.#owner.countResponse(status, error);
    this.#phase = COMPLETE;
    this.#owner.responseComplete(status, error);
  }

  /** Releases what a streamed response holds, whether or not the handler has ended. */
  releaseStream(): void {
    this.#taken?.release();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.release();
  }

  /** Ends the response at once, whatever its handler does: with this error if nothing has been sent. */
  abandon(error: HttpError): void {
    if (this.#phaseNow === OPEN) this.replyProblem(problemOf(error, this.#owner));
    // It is on its way, though its handler has not ended: a response that was handed over, for example.
    else if (this.#phase === COMPLETE) return;
    // The connection is cut, so that the client does not take a part of a stream for the whole. A stream of
    // events may end anywhere, because its client reconnects.
    else if (!this.isEndless) this.#exchange.destroy(problemOf(error, this.#owner));
    else {
      this.#exchange.end();
      this.complete(this.#taken?.status ?? this.chosenStatus ?? 200, undefined);
    }
  }

  /** Ends connection and request after the response could not be written, or only an unknown part of it. */
  breakDown(thrown: unknown): void {
    this.#exchange.destroy();
    if (this.#phase === OPEN) this.#phase = STARTED;
    this.complete(500, 'INTERNAL');
    this.#request.logError(thrown, 'a response could not be written');
  }

  /**
   * Does the same in a microtask, because the handler may have hardly any stack left. If there is too little
   * even for that, the end of the handler does it.
   */
  #breakDownLater(thrown: unknown): void {
    this.#fault = { thrown };
    try {
      queueMicrotask(() => this.#endFaulty());
    } catch {
      // The handler goes on as if it had responded: it must not try again at every depth that it returns to.
    }
  }

  #endFaulty(): void {
    if (this.#fault === undefined) return;
    const { thrown } = this.#fault;
    this.#fault = undefined;
    this.breakDown(thrown);
  }

  handlerDone(): void {
    if (this.#phase === STARTED && !this.#isUnderWay)
      this.#fault ??= { thrown: new Error('the response was started and cannot end') };
    this.#endFaulty();
  }

  /** @returns false when the response is not wanted any more */
  #start(): boolean {
    if (this.#phaseNow !== OPEN) {
      if (this.#owner.isAborted) return false;
      throw new Error('the request has a response already');
    }
    this.#phase = STARTED;
    this.#request.phases?.enter('response');
    return true;
  }

  #schedule(run: () => Promise<void>): void {
    queueMicrotask(() => void run());
    this.#isUnderWay = true;
  }
}
