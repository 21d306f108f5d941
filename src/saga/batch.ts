// Gathers what is asked for while the last batch is under way, and asks for all of it at once: many sagas
// share one round trip and one commit. Nothing waits for a batch to fill; an idle lane sends what one turn of
// the event loop has brought.

export interface BatchOptions<In> {
  /** Items in one flush. */
  readonly limit: number;
  /** Of the items in one flush together. One that weighs more goes alone. */
  readonly weightLimit: number;
  readonly weigh: (item: In) => number;
  /**
   * True when the values of one item may have made the whole batch fail without effect: then both halves are
   * tried, and so on, so that no saga suffers from another.
   */
  readonly isOnesFault: (error: unknown) => boolean;
}

export class Batch<In, Out> {
  #waiting: Entry<In, Out>[] = [];
  #work: Promise<void> | undefined;
  readonly #flush: (items: readonly In[]) => Promise<readonly Out[]>;
  readonly #limit: number;
  readonly #weightLimit: number;
  readonly #weigh: (item: In) => number;
  readonly #isOnesFault: (error: unknown) => boolean;

  /**
   * @param flush answers in the order of the items; at most one call at a time, at most `limit` items each
   */
  constructor(flush: (items: readonly In[]) => Promise<readonly Out[]>, options: BatchOptions<In>) {
    this.#flush = flush;
    this.#limit = options.limit;
    this.#weightLimit = options.weightLimit;
    this.#weigh = options.weigh;
    this.#isOnesFault = options.isOnesFault;
  }

  add(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#work ??= this.#send();
    });
  }

  /** Resolves when nothing is under way, nor waits. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async #send(): Promise<void> {
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      await this.#flushAll(this.#waiting.splice(0, this.#fitting()));
      // Let those whose answer has just come ask for their next thing in the same batch.
      await new Promise(setImmediate);
    }
    this.#work = undefined;
  }

  /** How many of those that wait go together: one at least. */
  #fitting(): number {
    const most = Math.min(this.#limit, this.#waiting.length);
    let weight = 0;
    for (let count = 0; count < most; count++) {
      weight += this.#weigh(this.#waiting[count]!.item);
      if (weight > this.#weightLimit) return Math.max(1, count);
    }
    return most;
  }

  async #flushAll(entries: readonly Entry<In, Out>[]): Promise<void> {
    try {
      const answers = await this.#flush(entries.map(({ item }) => item));
      for (const [at, { resolve }] of entries.entries()) resolve(answers[at]!);
    } catch (error) {
      if (entries.length > 1 && this.#isOnesFault(error)) {
        const half = Math.ceil(entries.length / 2);
        await this.#flushAll(entries.slice(0, half));
        await this.#flushAll(entries.slice(half));
      } else {
        for (const { reject } of entries) reject(error);
      }
    }
  }
}

interface Entry<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}
