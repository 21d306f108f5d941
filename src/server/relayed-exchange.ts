// A request that the gateway passes on to a service of the same App: the exchange of its client, under
// another head. Body, response, backpressure, the address of the client and WebSockets stay those of the
// connection.
import type { HttpError } from '../errors.js';
import { bodyTooLarge } from './body/body.js';
import type { Acceptance, BodyReading, Exchange, NodeMessages } from './exchange.js';
import { readdress } from './node/readdress.js';
import type { Problem } from './problem-response.js';
import { isPromise } from './promise.js';
import type { RequestHead } from './request-head.js';
import type { TakenState } from './response-owner.js';

/** A whole response of the service. */
export interface WholeResponse {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string | Uint8Array | null;
  readonly close: boolean;
}

export interface RelayEvents {
  /** Fields that every response gets beside those of the service: a flat list. */
  readonly fields: readonly string[];
  /** The service responds as a whole. The response is sent with `sendWhole`, at once or later, or never. */
  responded(response: WholeResponse): void;
  /** A response in pieces, or a WebSocket, begins. */
  began(status: number): void;
  /** An application of `node:http` writes the response by itself, until another one is sent in its place. */
  taken(response: TakenState): void;
  /** It has ended, or was cut off. */
  ended(status: number): void;
}

export class RelayedExchange implements Exchange {
  readonly head: RequestHead;
  readonly #outer: Exchange;
  readonly #events: RelayEvents;
  readonly #bodyLimit: number;
  #status = 0;
  #hasResponse = false;
  #onBodyRefused: ((error: HttpError) => void) | undefined;

  /** @param bodyLimit of the gateway: the service may have a larger one */
  constructor(outer: Exchange, head: RequestHead, events: RelayEvents, bodyLimit: number) {
    this.#outer = outer;
    this.head = head;
    this.#events = events;
    this.#bodyLimit = bodyLimit;
  }

  get closed(): boolean {
    return this.#outer.closed;
  }
  remoteAddress(): string {
    return this.#outer.remoteAddress();
  }
  rememberAddress(): void {
    this.#outer.rememberAddress();
  }
  onClosed(listener: (reason?: HttpError) => void): void {
    this.#outer.onClosed(listener);
  }
  onEnded(listener: () => void): void {
    this.#outer.onEnded(listener);
  }

  // --- the response

  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    if (this.#hasResponse || this.closed) return;
    this.#hasResponse = true;
    this.#events.responded({ status, headers: headers.concat(this.#events.fields), body, close });
  }

  sendWhole({ status, headers, body, close }: WholeResponse): void {
    this.#outer.send(status, headers, body, close);
    this.#events.ended(status);
  }

  get accept(): ((acceptance: Acceptance) => void) | undefined {
    const { accept } = this.#outer;
    return (
      accept &&
      ((acceptance) => {
        this.#begin(101);
        accept(acceptance);
        this.#events.ended(101);
      })
    );
  }

  begin(status: number, headers: readonly string[], close: boolean, length?: number): void {
    if (this.#hasResponse || this.closed) return;
    this.#begin(status);
    this.#outer.begin(status, headers.concat(this.#events.fields), close, length);
    if (this.head.method === 'HEAD') this.#events.ended(status);
  }

  #begin(status: number): void {
    this.#hasResponse = true;
    this.#status = status;
    this.#events.began(status);
  }

  write(chunk: Uint8Array | string): Promise<void> {
    return this.#outer.write(chunk);
  }

  end(): void {
    this.#outer.end();
    this.#events.ended(this.#status);
  }

  destroy(problem?: Pick<Problem, 'status' | 'headers' | 'body'>): void {
    this.#outer.destroy(problem);
    this.#events.ended(problem?.status ?? 500);
  }

  leaveCallback(): void {
    this.#outer.leaveCallback();
  }

  // --- responses of applications

  get takeOver(): Exchange['takeOver'] {
    const outer = this.#outer;
    if (outer.takeOver === undefined) return undefined;
    return (taken, bodyLimit) => {
      this.#events.taken(taken);
      const messages = outer.takeOver!(taken, Math.min(bodyLimit, this.#bodyLimit));
      if (isPromise(messages)) return messages.then((made) => this.#readdressed(made));
      return this.#readdressed(messages);
    };
  }

  /** The application gets the head of this exchange, and its response the fields of the gateway. */
  #readdressed(messages: NodeMessages | undefined): NodeMessages | undefined {
    if (messages === undefined) return undefined;
    readdress(messages.request, this.head);
    const { fields } = this.#events;
    for (let i = 0; i < fields.length; i += 2) messages.response.appendHeader(fields[i]!, fields[i + 1]!);
    return messages;
  }

  leaveTaken(): void {
    this.#outer.leaveTaken?.();
  }
  get isTakenSent(): boolean {
    return this.#outer.isTakenSent === true;
  }

  /** The response can still be replaced by another one, until bytes of it were sent. */
  takenBegan(status: number): void {
    if (this.#hasResponse) return;
    this.#status = status;
    this.#events.began(status);
  }
  takenEnded(status: number): void {
    this.#events.ended(status);
  }

  // --- the body

  get isBodyComplete(): boolean {
    return this.#outer.isBodyComplete;
  }
  get isBodyPassing(): boolean {
    return this.#outer.isBodyPassing;
  }
  get isRequestArriving(): boolean {
    return this.#outer.isRequestArriving === true;
  }

  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void, reading?: BodyReading): boolean {
    let left = this.#bodyLimit;
    return this.#outer.readBody((piece, isLast) => {
      left -= piece.byteLength;
      if (left >= 0) onPiece(piece, isLast);
      else if (this.closed) reading?.lost();
      else this.#refuseBody(bodyTooLarge(this.#bodyLimit));
    }, reading);
  }

  get deliversBehind(): boolean {
    return this.#outer.deliversBehind === true;
  }

  onBodyRefused(listener: (error: HttpError) => void): void {
    this.#onBodyRefused = listener;
    this.#outer.onBodyRefused((error) => this.#refuseBody(error));
  }

  /** More of the body may arrive when it was refused, and the connection may refuse it too. */
  #refuseBody(error: HttpError): void {
    const listener = this.#onBodyRefused;
    this.#onBodyRefused = undefined;
    listener?.(error);
  }

  pause(): void {
    this.#outer.pause();
  }
  resume(): void {
    this.#outer.resume();
  }
}
