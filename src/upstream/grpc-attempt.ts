// One call of a unary method over a channel of grpc-js, below its `Client`, which makes an emitter and
// several more objects for each call. Messages are bytes.
import type { Channel, Metadata, StatusObject } from '@grpc/grpc-js';
import type { AbortListener, AbortSource } from '../abort-source.js';

type Call = ReturnType<Channel['createCall']>;

/** How a call ended, as grpc-js reports it. */
export interface EndedCall {
  readonly status: StatusObject;
  /** Metadata that came before the message; undefined: none came. */
  readonly metadata: Metadata | undefined;
  /** The bytes belong to the receiver. */
  readonly messages: readonly Uint8Array[];
}

const CANCELLED = 1;
/** A unary method responds with one message. A second one is read only to notice it. */
const MOST_MESSAGES = 2;

export class GrpcAttempt implements AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #call: Call;
  readonly #abort: AbortSource;
  readonly #resolve: (ended: EndedCall) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #ended: (attempt: GrpcAttempt) => void;
  readonly #left: () => void;
  #isAborted = false;
  #isSettled = false;
  #metadata: Metadata | undefined;
  readonly #messages: Uint8Array[] = [];

  /**
   * @param ended called when the library is done with the call, also when it was aborted before
   * @param left called when the call is aborted
   */
  constructor(
    call: Call,
    abort: AbortSource,
    resolve: (ended: EndedCall) => void,
    reject: (reason: unknown) => void,
    ended: (attempt: GrpcAttempt) => void,
    left: () => void,
  ) {
    this.#call = call;
    this.#abort = abort;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#ended = ended;
    this.#left = left;
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  start(metadata: Metadata, message: Buffer): void {
    this.#abort.listen(this);
    const call = this.#call;
    call.start(metadata, this);
    call.startRead();
    call.sendMessageWithContext({}, message);
    call.halfClose();
  }

  onAbort(reason: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#isAborted = true;
    this.#reject(reason);
    this.#cancel('The caller has left.');
    this.#left();
  }

  /** Ends the call because the transport closes. */
  fail(reason: Error): void {
    if (this.#settle()) this.#reject(reason);
    this.#cancel(reason.message);
  }

  /**
   * In the turn in which a call begins, grpc-js takes a while to make its stream, and then makes and keeps
   * one for a call that was cancelled meanwhile. So the call is cancelled again when that turn is over.
   */
  #cancel(reason: string): void {
    this.#call.cancelWithStatus(CANCELLED, reason);
    setImmediate(() => this.#call.cancelWithStatus(CANCELLED, reason));
  }

  // The listener of grpc-js:

  onReceiveMetadata(metadata: Metadata): void {
    this.#metadata = metadata;
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#messages.push(message);
    if (this.#messages.length < MOST_MESSAGES) this.#call.startRead();
    else this.#call.cancelWithStatus(CANCELLED, 'A second message came.');
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.#settle()) this.#resolve({ status, metadata: this.#metadata, messages: this.#messages });
    this.#ended(this);
  }

  /** @returns false when the call has been aborted before */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#abort.unlisten(this);
    return true;
  }
}
