// A response that an application of `node:http` writes by itself. Until its first byte is sent the request
// can still end in another way, by its deadline for example. Then what the application writes has no effect.
import type { IncomingMessage } from 'node:http';
import type { HttpError } from '../errors.js';
import { overloaded } from './body/body.js';
import { BodyClaim } from './body/body-claim.js';
import { keptStores } from './entered-stores.js';
import type { NodeMessages, TakeOverEvents } from './exchange.js';
import type { NodeHandler } from './handler.js';
import { isApplication, isContent } from './node-application.js';
import { adopted, isPromise } from './promise.js';
import type { RequestContext } from './request-context.js';
import { byteString } from './response/field-octets.js';
import { UnsendableError } from './response/unsendable.js';
import type { TakenState } from './response-owner.js';
import { HeldBytes, LARGE_BYTES, releaseStream, takeStream, tooManyBytes } from './response-quotas.js';
import { ServerRefusal } from './server-refusal.js';

const EVENTS = /\r\ncontent-type: *text\/event-stream\b/i;
const MAKES_APPLICATIONS =
  'is mounted by mountNode, and its function has returned an application in place of responding: call that ' +
  'function once, and mount what it returns';
const RETURNS_CONTENT =
  'a function (req, res) that is mounted by mountNode has returned a value and sent no response: the value is not ' +
  'sent, so respond by res, such as res.end(text); a request without a response ends by its deadline';
const HAS_ID = /\r\nx-request-id:/i;

export class TakenResponse implements TakeOverEvents, TakenState {
  readonly #ctx: RequestContext;
  #messages: NodeMessages | undefined;
  /** That of the response of the application, once it is made. */
  #head = '';
  hasOctets = false;
  #hasPermit = false;
  /** The application has written all of it. */
  #isWritten = false;
  #held: HeldBytes | undefined;
  /** Its body counts as pending until it has arrived. */
  #pending: BodyClaim | undefined;
  #isOver = false;
  /** What the application has thrown before its response was written. */
  #failure: { readonly thrown: unknown } | undefined;
  /** Calls with the stores that the application has entered, before it was done with the head. */
  #withStores: (<R>(run: () => R) => R) | undefined;
  #waiting: { readonly ended: () => void; readonly failed: (thrown: unknown) => void } | undefined;

  constructor(ctx: RequestContext) {
    this.#ctx = ctx;
  }

  get isSent(): boolean {
    return this.#ctx.exchange.isTakenSent === true;
  }

  get isEndless(): boolean {
    return EVENTS.test(this.#head);
  }

  get status(): number | undefined {
    const response = this.#messages?.response;
    return response?.headersSent === true ? response.statusCode : undefined;
  }

  /** The exchange has ended, or the application has failed before. */
  get isOver(): boolean {
    return this.#isOver || this.#failure !== undefined;
  }

  /**
   * Calls the application.
   * @param prepare gets the request before the application does
   * @throws UnsendableError where there are no objects of `node:http`, or the body was read already
   */
  run(application: NodeHandler, prepare: (request: IncomingMessage) => void): this {
    const { exchange, plan, request } = this.#ctx;
    if (exchange.takeOver === undefined)
      throw new UnsendableError(
        request,
        'is mounted by mountNode and gets requests of HTTP only, which this one is not',
      );
    exchange.onEnded(() => this.#ended());
    const messages = exchange.takeOver(this, plan.bodyLimit);
    if (!isPromise(messages)) this.#start(messages, application, prepare);
    else
      (messages as Promise<NodeMessages | undefined>)
        .then((made) => this.#start(made, application, prepare))
        .catch((thrown: unknown) => this.#fail(thrown));
    return this;
  }

  /**
   * Call once, before the callback of the request returns or later: one of the two is called when the request
   * is over, at once if it is.
   */
  whenOver(ended: () => void, failed: (thrown: unknown) => void): void {
    if (this.#failure !== undefined) failed(this.#failure.thrown);
    else if (this.#isOver) ended();
    else this.#waiting = { ended, failed };
  }

  #ended(): void {
    this.#isOver = true;
    const waiting = this.#waiting;
    // The request learns only after this that its client has left.
    if (waiting !== undefined && this.#failure === undefined) queueMicrotask(waiting.ended);
  }

  #start(
    messages: NodeMessages | undefined,
    application: NodeHandler,
    prepare: (request: IncomingMessage) => void,
  ): void {
    const ctx = this.#ctx;
    // The request may have ended while a connection in memory was made for it.
    if (ctx.response.hasResponse) return;
    if (messages === undefined)
      throw new UnsendableError(
        ctx.request,
        'is mounted by mountNode, and a hook has read the body of its request, which leaves none to the ' +
          'application: let hooks read the head only, and check the body in the application',
      );
    this.#messages = messages;
    ctx.response.leaveTo(this);
    const { request, response } = messages;
    const fields = ctx.response.takenFields();
    for (let i = 0; i < fields.length; i += 2)
      response.appendHeader(fields[i]!, this.#octetsOf(fields[i + 1]!));
    prepare(request);
    if (ctx.exchange.isRequestArriving === true && !ctx.request.inProcess)
      ctx.server.turnEnd.add(() => this.#awaitBody(request));
    this.#call(
      () => application(request, response),
      (result) => this.#check(result),
    );
    this.#withStores = keptStores();
  }

  /**
   * Nothing else would end the request of a function that makes an application.
   * @param result what the function of the application has returned, or what its promise resolves to
   */
  #check(result: unknown): void {
    if (this.#messages!.response.headersSent) return;
    const { request, server, plan } = this.#ctx;
    if (isApplication(result)) throw new UnsendableError(request, MAKES_APPLICATIONS);
    if (!isContent(result) || server.warnedRoutes.has(plan)) return;
    server.warnedRoutes.add(plan);
    server.log.warn({ service: plan.service, route: request.route }, RETURNS_CONTENT);
  }

  #fail(thrown: unknown): void {
    // The whole response is on its way, or the failure of the application is known.
    if (this.isOver || this.#isWritten) {
      this.#failedLate(thrown);
      return;
    }
    this.#failure = { thrown };
    this.#cut();
    this.#waiting?.failed(thrown);
  }

  /** Like one that a handler reads as a stream: it keeps its permit, and is one of the pending bodies. */
  #awaitBody(message: IncomingMessage): void {
    const { request, response } = this.#ctx;
    if (message.complete || this.#isOver || response.isComplete) return;
    this.#pending = new BodyClaim(request.server.quotas, () => request.addressKey);
    if (this.#pending.wait()) this.#ctx.exchange.onEnded(() => this.bodyArrived());
    else this.#ctx.abandon(overloaded());
  }

  /** @param check gets what was returned, and what its promise resolves to; may throw */
  #call(run: () => unknown, check: (result: unknown) => void = () => undefined): void {
    try {
      const result = run();
      // Before its promise: an instance of Fastify has a `then`, too.
      check(result);
      if (isPromise(result))
        adopted(result).then(
          (value: unknown) => this.#call(() => check(value)),
          (thrown: unknown) => this.#fail(thrown),
        );
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** A client must not take a part of the response for the whole. What was not begun becomes a 500. */
  #cut(): void {
    const { response, exchange } = this.#ctx;
    if (response.isComplete) return;
    if (!response.hasResponse) {
      // A hook may take its time for the response, which is not that of the application any more.
      exchange.leaveTaken?.();
      return;
    }
    exchange.destroy();
    response.complete(500, 'INTERNAL');
  }

  #failedLate(thrown: unknown): void {
    if (!this.#ctx.isAbortReason(thrown))
      this.#ctx.request.logError(thrown, 'a handler failed after its response');
  }

  // --- events of the exchange

  headIsDue(status: number): boolean {
    const { response } = this.#messages!;
    const fields = this.#ctx.response.lateFields(status);
    for (let i = 0; i < fields.length; i += 2) response.setHeader(fields[i]!, this.#octetsOf(fields[i + 1]!));
    return this.#ctx.server.draining();
  }

  #octetsOf(text: string): string {
    const octets = byteString(text);
    if (octets !== text) this.hasOctets = true;
    return octets;
  }

  headIsMade(head: string): string {
    this.#head = head;
    return HAS_ID.test(head) ? '' : `x-request-id: ${this.#ctx.requestId}\r\n`;
  }

  /**
   * A short response of known length, as packages for sessions write it in two parts, is like one that is
   * written whole: it keeps its permit, and is a stream only if it lasts beyond its deadline.
   */
  bodyBegins(length: number | undefined): void {
    const isShort = length !== undefined && length <= LARGE_BYTES;
    if (!isShort && this.#ctx.method !== 'HEAD') this.#becomeStream();
  }

  outlastsDeadline(): void {
    if (!this.#isWritten && !this.#hasPermit) this.#becomeStream();
  }

  /** From now on the client decides how long the response lasts: its permit is one of open streams. */
  #becomeStream(): void {
    const ctx = this.#ctx;
    if (ctx.response.isComplete) return;
    try {
      this.#hasPermit = takeStream(ctx.request);
    } catch (thrown) {
      ctx.abandon(thrown as HttpError);
      return;
    }
    ctx.response.handOver();
    ctx.releasePermit();
    ctx.streamBegan();
    ctx.exchange.takenBegan?.(this.#messages!.response.statusCode);
  }

  /** An application may write all at once what its client takes slowly, or never. */
  bytesWait(bytes: number): void {
    const { request, response } = this.#ctx;
    if (bytes === 0) this.#held?.release();
    if (bytes <= LARGE_BYTES || request.inProcess || response.isComplete) return;
    this.#held ??= new HeldBytes(request);
    if (!this.#held.growTo(bytes)) this.#ctx.abandon(tooManyBytes());
  }

  written(): void {
    this.#isWritten = true;
    // What is left to do is up to the client.
    this.#ctx.releasePermit();
    this.#ctx.exchange.takenBegan?.(this.#messages!.response.statusCode);
  }

  ended(status: number): void {
    const { response, exchange } = this.#ctx;
    response.handOver();
    response.complete(status, undefined);
    exchange.takenEnded?.(status);
  }

  /** A failure of the application, as what Express does about an error behind the first byte. */
  cutOff(): void {
    const { response, exchange } = this.#ctx;
    if (response.isComplete) return;
    response.handOver();
    response.complete(500, 'INTERNAL');
    exchange.takenEnded?.(500);
  }

  bodyArrived(): void {
    this.#pending?.arrived();
  }

  bodyRefused(error: HttpError): void {
    if (error instanceof ServerRefusal) this.#ctx.server.refused(error.code.toLowerCase());
    this.#ctx.abandon(error);
  }

  deliver(piece: () => void): void {
    const withStores = this.#withStores;
    this.#ctx.callService(() => this.#call(withStores === undefined ? piece : () => withStores(piece)));
  }

  misused(error: unknown): void {
    this.#ctx.request.logError(error, 'a mounted application has failed to write its response');
  }

  release(): void {
    if (this.#hasPermit) releaseStream(this.#ctx.request);
    this.#hasPermit = false;
  }
}
