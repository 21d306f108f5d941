// Names that a backend has refused, and when each is tried again: after 5 s, and ever more rarely.

/** The first and the longest wait, in milliseconds. */
const FIRST_RETRY_MS = 5_000;
const MOST_RETRY_MS = 300_000;

export class SetAside {
  readonly #waits = new Map<string, { readonly at: number; readonly waitMs: number }>();

  get size(): number {
    return this.#waits.size;
  }

  /** When the first one is due; Infinity: none is. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { at } of this.#waits.values()) next = Math.min(next, at);
    return next;
  }

  keys(): Iterable<string> {
    return this.#waits.keys();
  }

  has(key: string): boolean {
    return this.#waits.has(key);
  }

  delete(key: string): void {
    this.#waits.delete(key);
  }

  /** Whether a name may be tried: it is not here, or its wait has ended. */
  isDue(key: string, now: number): boolean {
    return (this.#waits.get(key)?.at ?? now) <= now;
  }

  /** The names whose waits have ended. */
  due(now: number): readonly string[] {
    return [...this.#waits.keys()].filter((key) => this.isDue(key, now));
  }

  /**
   * @param random from 0 to 1: those that are refused together are not tried again together
   * @param afterMs the least wait @default 5000, and twice the last one after that
   * @returns whether it was not here before
   */
  add(key: string, now: number, random: number, afterMs?: number): boolean {
    const before = this.#waits.get(key);
    const usualMs = before === undefined ? (afterMs ?? FIRST_RETRY_MS) : 2 * before.waitMs;
    const waitMs = Math.min(Math.max(usualMs, afterMs ?? 0), MOST_RETRY_MS);
    this.#waits.set(key, { at: now + (1 + random / 2) * waitMs, waitMs });
    return before === undefined;
  }
}
