// Reads the source of a streamed response piece by piece. On every path that does not read it to its end
// (HEAD, a client that left, a refusal, a failure) `cancel` releases it: a Node.js stream is destroyed, and
// `return` of any other iterator is called.
//
// A Node.js stream emits `error` whether or not it is read, also long after it was destroyed (a file that
// cannot be opened), and Node.js ends the thread when there is no listener. So every source has a listener
// from the moment that it is passed to this class.
import { shareSpent } from '../loop-share.js';
import { adopted, isPromise } from '../promise.js';
import { plainBytes } from './plain-bytes.js';

export type Pieces = AsyncIterable<Uint8Array | string>;
type Piece = Uint8Array | string;

interface Iterating {
  next(): unknown;
  return?(): unknown;
}

/** The part of a Node.js stream that is used here. */
interface Streaming {
  readonly destroy?: unknown;
  readonly on?: unknown;
}

export class StreamSource {
  readonly #source: object;
  readonly #failed: (error: unknown) => void;
  #iterator: Iterating | undefined;
  #isOver = false;
  /** The error that reading has thrown: releasing the source may throw the same. */
  #failure: unknown;

  /**
   * @param failed called with what releasing the source throws
   * @throws TypeError for anything that cannot be iterated
   */
  constructor(source: unknown, failed: (error: unknown) => void) {
    if (typeof source !== 'object' || source === null || iteratorMethod(source) === undefined) {
      throw new TypeError('a streamed response needs an async iterable, such as a Node.js stream');
    }
    this.#source = source;
    this.#failed = failed;
    const { on } = source as Streaming;
    if (typeof on === 'function') on.call(source, 'error', (error: unknown) => this.#emitted(error));
  }

  /** The iterator itself, for callers whose source yields other values than pieces (sse.ts). */
  get iterator(): Iterating {
    this.#iterator ??= iterating(this.#source);
    return this.#iterator;
  }

  /**
   * Reads the next piece. A source that always has one lets the event loop run other code in between.
   * @returns undefined at the end
   * @throws TypeError for a piece that is neither a string nor a Uint8Array, and whatever the source throws
   */
  async next(): Promise<Piece | undefined> {
    try {
      return await this.#next();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Empty pieces are skipped: the client would not have to read anything before the next one. */
  async #next(): Promise<Piece | undefined> {
    for (;;) {
      const later = shareSpent();
      if (later !== undefined) {
        await later;
        if (this.#isOver) return undefined;
      }
      const { done, value } = (await this.iterator.next()) as {
        readonly done?: unknown;
        readonly value: unknown;
      };
      // Any truthy `done` ends an iteration (ECMA-262, IteratorComplete).
      if (done) {
        this.#isOver = true;
        return undefined;
      }
      // The values of a synchronous iterator may be promises.
      const piece = pieceOf(await value);
      if (piece.length > 0) return piece;
    }
  }

  /** Releases the source, unless it has been read to its end. Never throws. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const failed = (error: unknown): void => this.#releaseFailed(error);
    try {
      const { destroy } = this.#source as Streaming;
      // The end is not awaited: a generator that awaits a promise returns only when it has settled.
      const ending: unknown =
        typeof destroy === 'function' ? destroy.call(this.#source) : this.iterator.return?.();
      if (isPromise(ending)) adopted(ending).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Reports an error of a source that is no longer read. Before that, the reader gets the same error. */
  #emitted(error: unknown): void {
    if (this.#isOver) this.#releaseFailed(error);
  }

  #releaseFailed(error: unknown): void {
    if (error !== this.#failure) this.#failed(error);
  }
}

function iteratorMethod(source: object): (() => Iterating) | undefined {
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = source as Record<
    symbol,
    unknown
  >;
  const method = asynchronous ?? synchronous;
  return typeof method === 'function' ? (method as () => Iterating) : undefined;
}

/** A web stream is read by a reader: unlike its iterator, it can be cancelled while it waits for a piece. */
function iterating(source: object): Iterating {
  if (!(source instanceof ReadableStream)) return iteratorMethod(source)!.call(source);
  const reader = (source as ReadableStream<unknown>).getReader();
  return { next: () => reader.read(), return: () => reader.cancel() };
}

function pieceOf(value: unknown): Piece {
  return typeof value === 'string'
    ? value
    : plainBytes('a piece of a streamed response that is no string', value);
}
