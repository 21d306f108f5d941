// A timer wheel for the deadlines of requests: one coarse timer per worker in place of a `setTimeout` per
// request. It is a hashed wheel (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987): adding
// and removing an alarm are a few pointer writes, and a turn visits only the slots that are due. A turn that
// finds no alarm stops the coarse timer.

import { OwnContext } from '../scope.js';

/** An alarm of the wheel. `cancel` may be called at any time, even after the alarm has rung. */
export interface Alarm {
  cancel(): void;
}

export interface Ticker {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /**
   * Calls `turn` every `ms` until the returned function is called.
   * @param turn called with a time: everything that had arrived by then has been read
   */
  every(ms: number, turn: (at: number) => void): () => void;
}

/** Milliseconds by which an alarm may be late, in addition to the lateness of the event loop. */
export const GRAIN_MS = 10;
/** After this time without a turn the event loop, or the whole machine, counts as stalled. */
export const LATE_MS = 1000;
const SLOTS = 512;

/**
 * The ticker of a thread. Timers run before the sockets in a turn of the event loop: after a callback that
 * has held up the loop, what has arrived meanwhile is not read yet. So the time is read in the timer, and the
 * wheel turns after the sockets have been read.
 *
 * Callbacks run in a microtask, not in the immediate itself, because a handler can be interrupted there
 * without harm to the thread (docs/cluster.md).
 */
export const realTicker: Ticker = {
  now: () => performance.now(),
  every(ms, turn) {
    let isOver = false;
    const timer = setInterval(() => {
      const at = performance.now();
      setImmediate(() => queueMicrotask(() => isOver || turn(at)));
    }, ms).unref();
    return () => {
      clearInterval(timer);
      // The immediate is not cleared: when a callback between two immediates throws, Node.js (20 to 24) fails
      // at a cleared one in every later turn of the loop.
      isOver = true;
    };
  },
};

class Entry implements Alarm {
  previous: Entry = this;
  next: Entry = this;
  at = 0;
  ring: () => void;
  wheel: TimerWheel | undefined;

  constructor(ring: () => void) {
    this.ring = ring;
  }

  cancel(): void {
    this.wheel?.remove(this);
  }
}

const nothing = (): void => {};

export class TimerWheel {
  readonly #ticker: Ticker;
  readonly #failed: (error: unknown) => void;
  /** Each slot is a ring of entries, given by its fixed head. */
  readonly #slots = Array.from({ length: SLOTS }, () => new Entry(nothing));
  #size = 0;
  /** The number of the first period of GRAIN_MS that no turn has visited. */
  #grain = 0;
  /** Time of the last turn, or of the start of the ticker. */
  #turnedAt = 0;
  #isLate = false;
  #stop: (() => void) | undefined;
  /** That of the start: alarms must not ring in the context of the request that has started the ticker. */
  readonly #context = new OwnContext();

  /** @param failed called with what a callback has thrown; the others still ring */
  constructor(failed: (error: unknown) => void, ticker: Ticker = realTicker) {
    this.#failed = failed;
    this.#ticker = ticker;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * This turn is so late that the whole machine may have stalled: what peers have sent may still be on its
   * way.
   */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** While alarms ring, everything that had arrived by this time has been read. */
  get turnedAt(): number {
    return this.#turnedAt;
  }

  now(): number {
    return this.#ticker.now();
  }

  /** Adds an alarm that rings once, at the earliest `ms` from now. */
  after(ms: number, ring: () => void): Alarm {
    const now = this.#ticker.now();
    const entry = new Entry(ring);
    entry.at = now + Math.max(0, ms);
    entry.wheel = this;
    this.#size++;
    if (this.#stop === undefined) {
      this.#grain = Math.floor(now / GRAIN_MS);
      this.#turnedAt = now;
      this.#context.enter(() => {
        this.#stop = this.#ticker.every(GRAIN_MS, (at) => this.turn(at));
      });
    }
    const head = this.#slots[Math.ceil(entry.at / GRAIN_MS) % SLOTS]!;
    entry.previous = head.previous;
    entry.next = head;
    head.previous.next = entry;
    head.previous = entry;
    return entry;
  }

  /** Removes an entry; for `Entry.cancel`. */
  remove(entry: Entry): void {
    entry.wheel = undefined;
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    // An alarm that is kept, or old garbage, must not keep its former neighbours, which are ever newer ones.
    entry.previous = entry;
    entry.next = entry;
    this.#size--;
  }

  /**
   * Rings the alarms that are due. One round of the wheel finds them all, however long the loop was held up.
   */
  turn(now: number): void {
    this.#isLate = now - this.#turnedAt > LATE_MS;
    this.#turnedAt = now;
    const last = Math.floor(now / GRAIN_MS);
    const due: Entry[] = [];
    for (let grain = Math.max(this.#grain, last - SLOTS + 1); grain <= last; grain++) {
      const head = this.#slots[grain % SLOTS]!;
      for (let entry = head.next; entry !== head; entry = entry.next) {
        if (entry.at <= now) due.push(entry);
      }
    }
    this.#grain = last + 1;
    for (const entry of due) {
      // An alarm before this one may have cancelled it.
      if (entry.wheel === undefined) continue;
      this.remove(entry);
      try {
        entry.ring();
      } catch (error) {
        this.#failed(error);
      }
    }
    if (this.#size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}
