// The callers that wait for a connection of a pool: a queue for each kind of request, first come first
// served.
import type { Connection } from './connection.js';

/**
 * What a caller wants. `read`: to share a session for reads. `write`: to share one for writes. `exclusive`: a
 * session alone, for a transaction.
 */
export type Wish = 'read' | 'write' | 'exclusive';

export interface Waiter {
  readonly wish: Wish;
  /** Time that the server is expected to take for what the caller will send, in milliseconds. */
  readonly costMs: number;
  /** Time by `performance.now()` after which the caller does not want a connection any more. */
  readonly giveUpAt: number;
  /**
   * Gets the connection, and must use it in the same turn: a connection that was handed out and is not used
   * would look idle, and could be closed.
   */
  readonly use: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
}

interface QueueEntry {
  /** Position in the order of arrival over all queues. */
  readonly number: number;
  /** Time of arrival by `performance.now()`. */
  readonly since: number;
  readonly waiter: Waiter;
}

interface Queue {
  readonly entries: QueueEntry[];
  /** Sum of the costs of its waiters. */
  owedMs: number;
}

const queue = (): Queue => ({ entries: [], owedMs: 0 });

export class ConnectionQueue {
  readonly #queues: Readonly<Record<Wish, Queue>> = { read: queue(), write: queue(), exclusive: queue() };
  #numbers = 0;
  #waitedMs = 0;
  /** Until when `#waitedMs` counts, by `performance.now()`. */
  #countedAt = 0;

  get length(): number {
    const { read, write, exclusive } = this.#queues;
    return read.entries.length + write.entries.length + exclusive.entries.length;
  }

  /** Number of callers with this wish. */
  waiting(wish: Wish): number {
    return this.#queues[wish].entries.length;
  }

  /** Time that all callers with this wish are expected to take together, in milliseconds. */
  owedMs(wish: Wish): number {
    return this.#queues[wish].owedMs;
  }

  /** Time that the first caller with this wish has waited, in milliseconds; 0 when there is none. */
  waitedMs(wish: Wish, now: number): number {
    const [first] = this.#queues[wish].entries;
    return first === undefined ? 0 : now - first.since;
  }

  /** Time that all callers have waited so far, added up, in milliseconds. */
  get totalWaitedMs(): number {
    this.#countWaits();
    return this.#waitedMs;
  }

  /** Called before the number of waiting callers changes. */
  #countWaits(): void {
    const now = performance.now();
    this.#waitedMs += this.length * (now - this.#countedAt);
    this.#countedAt = now;
  }

  push(waiter: Waiter, now: number): void {
    this.#countWaits();
    const line = this.#queues[waiter.wish];
    line.entries.push({ number: ++this.#numbers, since: now, waiter });
    line.owedMs += waiter.costMs;
  }

  /** The wishes for which callers wait. The wish of the caller that has waited longest comes first. */
  wishes(): Wish[] {
    return Object.values(this.#queues)
      .flatMap(({ entries }) => entries[0] ?? [])
      .sort((a, b) => a.number - b.number)
      .map(({ waiter }) => waiter.wish);
  }

  /** Serves callers with this wish, in order, for as long as `take` returns a connection for them. */
  serve(wish: Wish, take: () => Connection | undefined): void {
    const line = this.#queues[wish];
    while (line.entries.length > 0) {
      const connection = take();
      if (connection === undefined) return;
      this.#countWaits();
      const { waiter } = line.entries.shift()!;
      line.owedMs = line.entries.length === 0 ? 0 : line.owedMs - waiter.costMs;
      waiter.use(connection);
    }
  }

  /** Removes and returns the callers for which `test` is true. */
  remove(test: (waiter: Waiter) => boolean): Waiter[] {
    const removed: Waiter[] = [];
    for (const line of Object.values(this.#queues)) {
      if (!line.entries.some(({ waiter }) => test(waiter))) continue;
      this.#countWaits();
      const entries = line.entries.splice(0);
      line.owedMs = 0;
      for (const entry of entries) {
        if (test(entry.waiter)) {
          removed.push(entry.waiter);
        } else {
          line.entries.push(entry);
          line.owedMs += entry.waiter.costMs;
        }
      }
    }
    return removed;
  }
}
