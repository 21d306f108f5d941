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

interface Place {
  readonly number: number;
  readonly since: number;
  readonly waiter: Waiter;
}

/** Those with the same wish. */
interface Queue {
  readonly places: Place[];
  owedMs: number;
}

const queue = (): Queue => ({ places: [], owedMs: 0 });

export class WaitingLine {
  readonly #queues: Readonly<Record<Wish, Queue>> = { read: queue(), write: queue(), exclusive: queue() };
  #numbers = 0;

  get length(): number {
    const { read, write, exclusive } = this.#queues;
    return read.places.length + write.places.length + exclusive.places.length;
  }

  waiting(wish: Wish): number {
    return this.#queues[wish].places.length;
  }

  /** What the callers with this wish are expected to take together, ms. */
  owedMs(wish: Wish): number {
    return this.#queues[wish].owedMs;
  }

  /** How long the first caller with this wish has waited, ms; 0 when none does. */
  waitedMs(wish: Wish, now: number): number {
    const [first] = this.#queues[wish].places;
    return first === undefined ? 0 : now - first.since;
  }

  push(waiter: Waiter, now: number): void {
    const line = this.#queues[waiter.wish];
    line.places.push({ number: ++this.#numbers, since: now, waiter });
    line.owedMs += waiter.costMs;
  }

  /** The wishes somebody waits for, the one that has waited longest first. */
  wishes(): Wish[] {
    return Object.values(this.#queues)
      .flatMap(({ places }) => places[0] ?? [])
      .sort((a, b) => a.number - b.number)
      .map(({ waiter }) => waiter.wish);
  }

  /** Serves in order for as long as `take` has a connection for them. */
  serve(wish: Wish, take: () => Connection | undefined): void {
    const line = this.#queues[wish];
    while (line.places.length > 0) {
      const connection = take();
      if (connection === undefined) return;
      const { waiter } = line.places.shift()!;
      line.owedMs = line.places.length === 0 ? 0 : line.owedMs - waiter.costMs;
      waiter.use(connection);
    }
  }

  /** Removes and returns those that `test` is true of. */
  remove(test: (waiter: Waiter) => boolean): Waiter[] {
    const removed: Waiter[] = [];
    for (const line of Object.values(this.#queues)) {
      if (!line.places.some(({ waiter }) => test(waiter))) continue;
      const places = line.places.splice(0);
      line.owedMs = 0;
      for (const place of places) {
        if (test(place.waiter)) {
          removed.push(place.waiter);
        } else {
          line.places.push(place);
          line.owedMs += place.waiter.costMs;
        }
      }
    }
    return removed;
  }
}
