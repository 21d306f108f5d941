// What a streamed response is made of, piece by piece. On every path that does not read it to its end (HEAD,
// a client that left, a refusal, a failure) `cancel` releases it: a Node.js stream is destroyed, anything
// else is asked to return.
//
// A Node.js stream emits `error` whether or not it is read, also long after it was destroyed (a file whose
// opening fails), and Node.js ends the thread when nothing listens. So every source is listened to from the
// moment that it is handed over.
import { shareSpent } from '../loop-share.js';
import { adopted, isPromise } from '../promise.js';
import { plainBytes } from './plain-bytes.js';

export type Pieces = AsyncIterable<Uint8Array | string>;
type Piece = Uint8Array | string;

interface Iterating {
  next(): unknown;
  return?(): unknown;
}

/** What of a Node.js stream is used here. */
interface Streaming {
  readonly destroy?: unknown;
  readonly on?: unknown;
}

export class StreamSource {
  readonly #source: object;
  readonly #failed: (error: unknown) => void;
  #iterator: Iterating | undefined;
  #isOver = false;
  /** What reading has thrown: releasing the source may throw the same. */
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

  /** Of the source itself, for what it gives that are no pieces. */
  get iterator(): Iterating {
    this.#iterator ??= iterating(this.#source);
    return this.#iterator;
  }

  /**
   * The next piece, undefined at the end. Sources that are never short of pieces leave the event loop to
   * others in between.
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

  /** An empty piece is none: behind it nobody would ever have to wait. */
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
      // Any truthy value ends an iteration (ECMA-262, IteratorComplete).
      if (done) {
        this.#isOver = true;
        return undefined;
      }
      // An iterator that is not asynchronous may give promises.
      const piece = pieceOf(await value);
      if (piece.length > 0) return piece;
    }
  }

  /** Does nothing when the source has been read to its end. Never throws. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const failed = (error: unknown): void => this.#releaseFailed(error);
    try {
      const { destroy } = this.#source as Streaming;
      // It is not waited for: a generator that awaits something returns when that has settled.
      const ending: unknown =
        typeof destroy === 'function' ? destroy.call(this.#source) : this.iterator.return?.();
      if (isPromise(ending)) adopted(ending).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** While the source is read, its reader gets the same error. */
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

/** The iterator of a web stream cannot be ended while it waits for a piece, but its reader can. */
function iterating(source: object): Iterating {
  if (!(source instanceof ReadableStream)) return iteratorMethod(source)!.call(source);
  const reader = (source as ReadableStream<unknown>).getReader();
  return { next: () => reader.read(), return: () => reader.cancel() };
}

function pieceOf(value: unknown): Piece {
  return typeof value === 'string' ? value : plainBytes('a piece of a streamed response', value);
}
