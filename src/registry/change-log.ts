// The last changes of the registry, in order, for its watchers. Each change has a revision, `PREFIX-COUNT`,
// whose count is one more than that of the change before. Every process has a different prefix, so a revision
// of another process is recognised. A watcher that connects again gets the changes that it has missed with
// `since`, and the changes that follow with `listen`.

export interface LogEntry<T> {
  readonly revision: string;
  readonly change: T;
}

/** The log keeps this number of changes. An older one is overwritten. */
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

  /** The revision of the last change; its count is 0 before the first change. */
  get revision(): string {
    return `${this.#prefix}-${this.#count}`;
  }

  /** Adds a change and calls all listeners with it. */
  append(change: T): void {
    this.#count++;
    const entry = { revision: this.revision, change };
    this.#ring[this.#count % this.#capacity] = entry;
    for (const listener of this.#listeners) listener(entry);
  }

  /**
   * @returns the changes after a revision, which are none for the last revision; undefined when the revision
   *   is not one of this process, or when the log no longer has all changes after it
   */
  since(revision: string): readonly LogEntry<T>[] | undefined {
    const from = this.#countAt(revision);
    if (from === undefined) return undefined;
    return Array.from({ length: this.#count - from }, (_, i) => this.#ring[(from + 1 + i) % this.#capacity]!);
  }

  /** Whether `since` has a result for a revision. */
  covers(revision: string): boolean {
    return this.#countAt(revision) !== undefined;
  }

  /** @returns the count of a revision after which the log has all changes */
  #countAt(revision: string): number | undefined {
    const [prefix, text = '', ...rest] = revision.split('-');
    if (prefix !== this.#prefix || rest.length > 0 || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
    const count = Number(text);
    return count > this.#count || this.#count - count > this.#capacity ? undefined : count;
  }

  /** Calls `listener` with each change from now on. @returns a function that stops this */
  listen(listener: (entry: LogEntry<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
