// The streamed body of a call. It is read once and no faster than the instance takes it, and its source is
// released when the call has ended, in whatever way. What is wrong with the source is a RequestBodyError,
// which counts for no instance.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { types } from 'node:util';
import type { AbortListener, AbortSource } from '../abort-source.js';
import { isInspectable } from '../error-type.js';
import { describeValue } from '../options.js';
import { PieceSource } from '../piece-source.js';
import { RequestBodyError } from '../request-body-error.js';
import type { StreamedContent } from './call-request.js';

export interface RequestStreamOptions {
  /** The announced bytes; -1: unknown. */
  readonly length: number;
  /** Milliseconds after which a source that yields nothing has failed. */
  readonly idleMs: number;
  /** That of attempts. */
  readonly clock: () => number;
}

/** A smaller piece waits a turn of the event loop for others, which are sent with it. */
const SMALL_BYTES = 4 * 1024;
const ENOUGH_BYTES = 16 * 1024;
const TURN_OVER = Symbol('turn over');

const END = { done: true, value: undefined } as const;

export class RequestStream implements StreamedContent, AsyncIterableIterator<Uint8Array> {
  readonly #options: RequestStreamOptions;
  readonly #source: PieceSource;
  #begun: Promise<this> | undefined;
  /** A piece that was read ahead; undefined for the end. */
  #ahead: Promise<Uint8Array | undefined> | undefined;
  #read = 0;
  #isCancelled = false;
  /** Rejects the promise of the value that is waited for. */
  #fail: ((error: RequestBodyError) => void) | undefined;
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

  /** Reads the first piece, which is kept. @throws RequestBodyError */
  begin(): Promise<this> {
    this.#begun ??= this.#readAhead().then(() => this);
    return this.#begun;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws RequestBodyError */
  async next(): Promise<IteratorResult<Uint8Array>> {
    this.isStarted = true;
    this.untakenSince = undefined;
    const piece = await this.#next();
    this.untakenSince = this.#options.clock();
    return piece === undefined ? END : { done: false, value: piece };
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
    this.#fail?.(hasEnded());
  }

  /** Small pieces that come at once are sent together: each would be a chunk and a system call. */
  async #next(): Promise<Uint8Array | undefined> {
    const first = await this.#take();
    if (first === undefined || first.length >= SMALL_BYTES) return first;
    const pieces = [first];
    let bytes = first.length;
    const turn = nextTurn(TURN_OVER);
    while (bytes < ENOUGH_BYTES) {
      const piece = await Promise.race([this.#readAhead(), turn]);
      // The end, or the error, is that of the next piece.
      if (piece === TURN_OVER || piece === undefined) break;
      this.#ahead = undefined;
      pieces.push(piece);
      bytes += piece.length;
    }
    return pieces.length === 1 ? first : Buffer.concat(pieces, bytes);
  }

  #take(): Promise<Uint8Array | undefined> {
    const piece = this.#readAhead();
    this.#ahead = undefined;
    return piece;
  }

  #readAhead(): Promise<Uint8Array | undefined> {
    if (this.#ahead === undefined) {
      this.#ahead = this.#nextPiece();
      // Its reader may never come.
      this.#ahead.catch(() => undefined);
    }
    return this.#ahead;
  }

  /** @returns undefined at the end @throws RequestBodyError */
  async #nextPiece(): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        if (this.#isCancelled) throw hasEnded();
        if (this.#source.isOver) return undefined;
        const next = await this.#nextValue();
        if (next === undefined) return this.#ended();
        const piece = bytesOf(next.value);
        if (piece.length > 0) return this.#counted(piece);
        // A source that has only empty pieces must not keep the event loop.
        await nextTurn();
      }
    } catch (error) {
      this.cancel();
      throw isRequestBodyError(error) ? error : new RequestBodyError(error);
    }
  }

  /** Waits for the next value, but not for longer than `idleMs`. */
  async #nextValue(): ReturnType<PieceSource['nextValue']> {
    try {
      return await new Promise((resolve, reject) => {
        this.#fail = reject;
        if (this.#idle === undefined) this.#idle = setTimeout(() => this.#silent(), this.#options.idleMs);
        else this.#idle.refresh();
        this.#source.nextValue().then(resolve, reject);
      });
    } finally {
      this.#fail = undefined;
    }
  }

  #silent(): void {
    const seconds = this.#options.idleMs / 1000;
    this.#fail?.(
      new RequestBodyError(undefined, `The body of a request has yielded nothing for ${seconds} s.`),
    );
  }

  #counted(piece: Uint8Array): Uint8Array {
    this.#read += piece.length;
    const { length } = this.#options;
    if (length >= 0 && this.#read > length) throw this.#mismatch('more');
    return piece;
  }

  #ended(): undefined {
    clearTimeout(this.#idle);
    const { length, clock } = this.#options;
    if (this.#read < length) throw this.#mismatch(`only ${this.#read}`);
    this.endedAt ??= clock();
  }

  #mismatch(found: string): RequestBodyError {
    const { length } = this.#options;
    return new RequestBodyError(
      undefined,
      `The content-length of a request is ${length} bytes, and its body has ${found}.`,
    );
  }
}

const hasEnded = (): RequestBodyError =>
  new RequestBodyError(undefined, 'The call has ended before the body of its request.');

/**
 * Waits for the beginning of a body. That comes before an instance is chosen, which would wait too, and would
 * close the connection.
 * @throws RequestBodyError; the reason of the abort
 */
export function begun(content: StreamedContent, abort: AbortSource): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const listener: AbortListener = { older: undefined, newer: undefined, onAbort: reject };
    abort.listen(listener);
    const ended = (): void => {
      if (!abort.aborted) abort.unlisten(listener);
    };
    content.begin().finally(ended).then(resolve, reject);
  });
}

const isRequestBodyError = (error: unknown): boolean =>
  isInspectable(error) && error instanceof RequestBodyError;

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
