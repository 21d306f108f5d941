// Those who wait for a connection, first come first served among those with the same wish.
import type { Connection } from './connection.js';

export type Wish = 'read' | 'write' | 'exclusive';

export interface Waiter {
  readonly wish: Wish;
  /** What the session is wanted for is expected to take so long, ms. */
  readonly costMs: number;
  /** `performance.now()` after which it is too late. */
  readonly giveUpAt: number;
  /** Called at once: a session lent out and not yet used would look idle and could be closed. */
  readonly use: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
}

interface QueueEntry {
  readonly number: number;
  readonly since: number;
  readonly waiter: Waiter;
}

/** Those with the same wish. */
interface Queue {
  readonly entries: QueueEntry[];
  owedMs: number;
}

const queue = (): Queue => ({ entries: [], owedMs: 0 });

export class ConnectionQueue {
  readonly #queues: Readonly<Record<Wish, Queue>> = { read: queue(), write: queue(), exclusive: queue() };
  #numbers = 0;

  get length(): number {
    const { read, write, exclusive } = this.#queues;
    return read.entries.length + write.entries.length + exclusive.entries.length;
  }

  waiting(wish: Wish): number {
    return this.#queues[wish].entries.length;
  }

  /** What the callers with this wish are expected to take together, ms. */
  owedMs(wish: Wish): number {
    return this.#queues[wish].owedMs;
  }

  /** How long the first caller with this wish has waited, ms; 0 when none does. */
  waitedMs(wish: Wish, now: number): number {
    const [first] = this.#queues[wish].entries;
    return first === undefined ? 0 : now - first.since;
  }

  push(waiter: Waiter, now: number): void {
    const line = this.#queues[waiter.wish];
    line.entries.push({ number: ++this.#numbers, since: now, waiter });
    line.owedMs += waiter.costMs;
  }

  /** The wishes somebody waits for, the one that has waited longest first. */
  wishes(): Wish[] {
    return Object.values(this.#queues)
      .flatMap(({ entries }) => entries[0] ?? [])
      .sort((a, b) => a.number - b.number)
      .map(({ waiter }) => waiter.wish);
  }

  /** Serves in order for as long as `take` has a connection for them. */
  serve(wish: Wish, take: () => Connection | undefined): void {
    const line = this.#queues[wish];
    while (line.entries.length > 0) {
      const connection = take();
      if (connection === undefined) return;
      const { waiter } = line.entries.shift()!;
      line.owedMs = line.entries.length === 0 ? 0 : line.owedMs - waiter.costMs;
      waiter.use(connection);
    }
  }

  /** Removes and returns those that `test` is true of. */
  remove(test: (waiter: Waiter) => boolean): Waiter[] {
    const removed: Waiter[] = [];
    for (const line of Object.values(this.#queues)) {
      if (!line.entries.some(({ waiter }) => test(waiter))) continue;
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
