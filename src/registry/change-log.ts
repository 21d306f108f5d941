// The last changes of the registry, in order, for those who watch it. A revision names a moment of this
// process: a prefix drawn at its start, and a count. Nobody else's revision can be mistaken for one of ours.

export interface LogEntry<T> {
  readonly revision: string;
  readonly change: T;
}

const CAPACITY = 1024;

export class ChangeLog<T> {
  readonly #prefix: string;
  readonly #capacity: number;
  /** The entry of count n is at n modulo the capacity. */
  readonly #ring: LogEntry<T>[] = [];
  readonly #listeners = new Set<(entry: LogEntry<T>) => void>();
  #count = 0;

  /** @param prefix unlike that of any other process; no `-` in it */
  constructor(prefix: string, capacity: number = CAPACITY) {
    this.#prefix = prefix;
    this.#capacity = capacity;
  }

  get revision(): string {
    return `${this.#prefix}-${this.#count}`;
  }

  append(change: T): void {
    this.#count++;
    const entry = { revision: this.revision, change };
    this.#ring[this.#count % this.#capacity] = entry;
    for (const listener of this.#listeners) listener(entry);
  }

  /** What changed after a revision; undefined when that is unknown, foreign, or too long ago. */
  since(revision: string): readonly LogEntry<T>[] | undefined {
    const [prefix, text = '', ...rest] = revision.split('-');
    if (prefix !== this.#prefix || rest.length > 0 || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
    const from = Number(text);
    if (from > this.#count || this.#count - from > this.#capacity) return undefined;
    return Array.from({ length: this.#count - from }, (_, i) => this.#ring[(from + 1 + i) % this.#capacity]!);
  }

  /** @returns how to stop listening */
  listen(listener: (entry: LogEntry<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
