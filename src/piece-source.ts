// A source of pieces that code of services has given: an async iterable, a Node.js stream, or a web stream.
// On every path that does not read it to its end, `cancel` releases it: a Node.js stream is destroyed, a web
// stream is cancelled, and `return` of any other iterator is called.
//
// A Node.js stream emits `error` whether or not it is read, also long after it was destroyed (a file that
// cannot be opened), and Node.js ends the thread when there is no listener. So every source has a listener
// from the moment that it is passed to this class.

interface Iterating {
  next(): unknown;
  return?(): unknown;
}

/** The part of a Node.js stream that is used here. */
interface Streaming {
  readonly destroy?: unknown;
  readonly on?: unknown;
}

export class PieceSource {
  readonly #source: object;
  readonly #releaseFailed: (error: unknown) => void;
  #iterator: Iterating | undefined;
  #isOver = false;
  /** The error that reading has thrown: releasing the source may throw the same. */
  #failure: unknown;

  /**
   * @param releaseFailed called with what releasing the source throws
   * @throws TypeError for anything that cannot be iterated
   */
  constructor(source: unknown, releaseFailed: (error: unknown) => void) {
    if (!isIterable(source))
      throw new TypeError('a streamed response needs an async iterable, such as a Node.js stream');
    this.#source = source;
    this.#releaseFailed = releaseFailed;
    const { on } = source as Streaming;
    if (typeof on === 'function') on.call(source, 'error', (error: unknown) => this.#emitted(error));
  }

  /** The iterator itself, for callers whose source yields other values than pieces (sse.ts). */
  get iterator(): Iterating {
    this.#iterator ??= iterating(this.#source);
    return this.#iterator;
  }

  /** It was read to its end, or released. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Reads the next value, whatever it is.
   * @returns undefined at the end @throws whatever the source throws
   */
  async nextValue(): Promise<{ readonly value: unknown } | undefined> {
    try {
      const { done, value } = (await this.iterator.next()) as {
        readonly done?: unknown;
        readonly value: unknown;
      };
      // The values of a synchronous iterator may be promises. Any truthy `done` ends an iteration (ECMA-262,
      // IteratorComplete).
      if (!done) return { value: await value };
      this.#isOver = true;
      return undefined;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Releases the source, unless it has been read to its end. Never throws. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // The end is not awaited: a generator that awaits a promise returns only when it has settled.
    void this.#release().catch((error: unknown) => this.#failed(error));
  }

  async #release(): Promise<void> {
    const { destroy } = this.#source as Streaming;
    await (typeof destroy === 'function' ? destroy.call(this.#source) : this.iterator.return?.());
  }

  /** Reports an error of a source that is no longer read. Before that, the reader gets the same error. */
  #emitted(error: unknown): void {
    if (this.#isOver) this.#failed(error);
  }

  #failed(error: unknown): void {
    if (error !== this.#failure) this.#releaseFailed(error);
  }
}

function isIterable(source: unknown): source is object {
  return typeof source === 'object' && source !== null && iteratorMethod(source) !== undefined;
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
