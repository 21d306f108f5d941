// Those who wait for a connection, first come first served among those with the same wish.
import type { Connection } from './connection.js';

export type Wish = 'read' | 'write' | 'exclusive';

export interface Waiter {
  readonly wish: Wish;
  /** `performance.now()` after which it is too late. */
  readonly deadlineAt: number;
  /** Called at once: a session lent out and not yet used would look idle and could be closed. */
  readonly use: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
}

interface Place {
  readonly number: number;
  readonly waiter: Waiter;
}

export class WaitingLine {
  readonly #places: Readonly<Record<Wish, Place[]>> = { read: [], write: [], exclusive: [] };
  #numbers = 0;

  get length(): number {
    const { read, write, exclusive } = this.#places;
    return read.length + write.length + exclusive.length;
  }

  waiting(wish: Wish): number {
    return this.#places[wish].length;
  }

  push(waiter: Waiter): void {
    this.#places[waiter.wish].push({ number: ++this.#numbers, waiter });
  }

  /** The wishes somebody waits for, the one that has waited longest first. */
  wishes(): Wish[] {
    return Object.values(this.#places)
      .flatMap((places) => places[0] ?? [])
      .sort((a, b) => a.number - b.number)
      .map(({ waiter }) => waiter.wish);
  }

  /** Serves in order for as long as `take` has a connection for them. */
  serve(wish: Wish, take: () => Connection | undefined): void {
    const places = this.#places[wish];
    while (places.length > 0) {
      const connection = take();
      if (connection === undefined) return;
      places.shift()!.waiter.use(connection);
    }
  }

  /** Removes and returns those that `test` is true of. */
  remove(test: (waiter: Waiter) => boolean): Waiter[] {
    const removed: Waiter[] = [];
    for (const places of Object.values(this.#places)) {
      const left = places.filter(({ waiter }) => !test(waiter));
      if (left.length === places.length) continue;
      for (const { waiter } of places.splice(0)) if (test(waiter)) removed.push(waiter);
      places.push(...left);
    }
    return removed;
  }
}
