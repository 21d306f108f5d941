// Gathers the items that arrive while the previous batch is being sent and sends them together, so that many
// sagas share one round trip and one commit. Nothing waits for a batch to fill: when none is being sent, the
// items of one turn of the event loop make the next batch.

export interface BatchOptions<In> {
  /** Items in one flush, at most. */
  readonly limit: number;
  /** Total weight of the items in one flush, at most. An item that weighs more is sent alone. */
  readonly weightLimit: number;
  readonly weigh: (item: In) => number;
  /**
   * True when one item may have made the whole batch fail without effect. Then both halves are tried
   * separately, and so on, so that no saga suffers from another.
   */
  readonly isCausedByItem: (error: unknown) => boolean;
}

export class Batch<In, Out> {
  #waiting: Entry<In, Out>[] = [];
  #work: Promise<void> | undefined;
  readonly #flush: (items: readonly In[]) => Promise<readonly Out[]>;
  readonly #limit: number;
  readonly #weightLimit: number;
  readonly #weigh: (item: In) => number;
  readonly #isCausedByItem: (error: unknown) => boolean;

  /**
   * @param flush resolves with one result for each item, in their order; one call at a time, with at most
   *   `limit` items
   */
  constructor(flush: (items: readonly In[]) => Promise<readonly Out[]>, options: BatchOptions<In>) {
    this.#flush = flush;
    this.#limit = options.limit;
    this.#weightLimit = options.weightLimit;
    this.#weigh = options.weigh;
    this.#isCausedByItem = options.isCausedByItem;
  }

  add(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#work ??= this.#send();
    });
  }

  /** Resolves when no item is waiting or being sent. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async #send(): Promise<void> {
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      await this.#flushAll(this.#waiting.splice(0, this.#nextCount()));
      // Callers that have just got their result may add their next item to the same batch.
      await new Promise(setImmediate);
    }
    this.#work = undefined;
  }

  /** How many of the waiting items go into the next batch: one at least. */
  #nextCount(): number {
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
      const results = await this.#flush(entries.map(({ item }) => item));
      for (const [at, { resolve }] of entries.entries()) resolve(results[at]!);
    } catch (error) {
      if (entries.length > 1 && this.#isCausedByItem(error)) {
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
