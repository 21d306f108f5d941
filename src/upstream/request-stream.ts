// The streamed body of a call. It is read once and no faster than the instance takes it, and its source is
// released when the call has ended, in whatever way. What is wrong with the source is a RequestBodyError,
// which counts for no instance.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { types } from 'node:util';
import { describeValue } from '../options.js';
import { PieceSource } from '../piece-source.js';
import { RequestBodyError } from '../request-body-error.js';
import type { ArrivingBody } from './stream-call.js';

export interface RequestStreamOptions {
  /** The announced bytes; -1: unknown. */
  readonly length: number;
  /** Milliseconds after which a source that yields nothing has failed. */
  readonly idleMs: number;
  /** That of attempts. */
  readonly clock: () => number;
}

const END = { done: true, value: undefined } as const;

export class RequestStream implements ArrivingBody, AsyncIterableIterator<Uint8Array> {
  readonly #options: RequestStreamOptions;
  readonly #source: PieceSource;
  #sent = 0;
  #isCancelled = false;
  /** Rejects the promise of the piece that is waited for. */
  #give: ((error: RequestBodyError) => void) | undefined;
  #idle: NodeJS.Timeout | undefined;
  isStarted = false;
  endedAt: number | undefined;
  untakenSince: number | undefined;

  constructor(pieces: object, options: RequestStreamOptions) {
    this.#options = options;
    // What releasing it throws comes after the end of the call, which has its result then.
    this.#source = new PieceSource(pieces, () => undefined);
  }

  get length(): number {
    return this.#options.length;
  }

  begin(): Promise<this> {
    return Promise.resolve(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws RequestBodyError */
  async next(): Promise<IteratorResult<Uint8Array>> {
    this.isStarted = true;
    this.untakenSince = undefined;
    try {
      const next = await this.#next();
      this.untakenSince = this.#options.clock();
      return next;
    } catch (error) {
      this.cancel();
      throw error instanceof RequestBodyError ? error : new RequestBodyError(error);
    }
  }

  /** The instance takes no more. The source is released with the end of the call. */
  return(): Promise<IteratorResult<Uint8Array>> {
    return Promise.resolve(END);
  }

  /** Releases the source, unless it was read to its end. */
  cancel(): void {
    clearTimeout(this.#idle);
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#source.cancel();
    this.#give?.(new RequestBodyError(undefined, 'The call has ended before the body of its request.'));
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      if (this.#isCancelled) return END;
      const next = await this.#nextValue();
      if (next === undefined) return this.#ended();
      const piece = bytesOf(next.value);
      if (piece.length > 0) return { done: false, value: this.#counted(piece) };
      // A source that has only empty pieces must not keep the event loop.
      await nextTurn();
    }
  }

  /** Waits for the next piece, but not for longer than `idleMs`. */
  #nextValue(): ReturnType<PieceSource['nextValue']> {
    return new Promise((resolve, reject) => {
      this.#give = reject;
      if (this.#idle === undefined) this.#idle = setTimeout(() => this.#silent(), this.#options.idleMs);
      else this.#idle.refresh();
      this.#source.nextValue().then(resolve, reject);
    }).finally(() => {
      this.#give = undefined;
    }) as ReturnType<PieceSource['nextValue']>;
  }

  #silent(): void {
    const seconds = this.#options.idleMs / 1000;
    this.#give?.(
      new RequestBodyError(undefined, `The body of a request has yielded nothing for ${seconds} s.`),
    );
  }

  #counted(piece: Uint8Array): Uint8Array {
    this.#sent += piece.length;
    const { length } = this.#options;
    if (length >= 0 && this.#sent > length) throw this.#mismatch('more');
    return piece;
  }

  #ended(): IteratorResult<Uint8Array> {
    clearTimeout(this.#idle);
    const { length, clock } = this.#options;
    if (this.#sent < length) throw this.#mismatch(`only ${this.#sent}`);
    this.endedAt ??= clock();
    return END;
  }

  #mismatch(found: string): RequestBodyError {
    const { length } = this.#options;
    return new RequestBodyError(
      undefined,
      `The content-length of a request is ${length} bytes, and its body has ${found}.`,
    );
  }
}

/** @throws TypeError */
function bytesOf(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return Buffer.from(piece);
  if (!types.isUint8Array(piece))
    throw new TypeError(
      `call: a piece of the body must be a string or a Uint8Array, not ${describeValue(piece)}`,
    );
  // Another thread could still change shared memory.
  return types.isSharedArrayBuffer(piece.buffer) ? Uint8Array.from(piece) : piece;
}
