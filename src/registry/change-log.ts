// The last changes of the registry, in order, for its watchers. A revision is `PREFIX-COUNT`. Every process
// has a different prefix, so a revision of another process is recognised.

export interface LogEntry<T> {
  readonly revision: string;
  readonly change: T;
}

const CAPACITY = 1024;

export class ChangeLog<T> {
  readonly #prefix: string;
  readonly #capacity: number;
  /** The n-th entry is at index n modulo the capacity. */
  readonly #ring: LogEntry<T>[] = [];
  readonly #listeners = new Set<(entry: LogEntry<T>) => void>();
  #count = 0;

  /** @param prefix as `revisionPrefix` in RegistryDependencies */
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

  /** @returns the changes after a revision; undefined when it is of another process, unknown or too old */
  since(revision: string): readonly LogEntry<T>[] | undefined {
    const [prefix, text = '', ...rest] = revision.split('-');
    if (prefix !== this.#prefix || rest.length > 0 || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
    const from = Number(text);
    if (from > this.#count || this.#count - from > this.#capacity) return undefined;
    return Array.from({ length: this.#count - from }, (_, i) => this.#ring[(from + 1 + i) % this.#capacity]!);
  }

  /** @returns a function that stops listening */
  listen(listener: (entry: LogEntry<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
