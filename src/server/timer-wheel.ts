// Deadlines of requests: one coarse timer per worker in place of a `setTimeout` per request. A hashed wheel
// (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987): adding and removing are a few pointer
// writes, and a turn looks only at the slots whose time has come. Nothing ticks while nobody waits.

/** A waiting alarm; `cancel` may be called at any time, also after it rang. */
export interface Alarm {
  cancel(): void;
}

export interface Ticker {
  /** Milliseconds on a clock that never steps. */
  now(): number;
  /**
   * Calls `turn` every `ms` until the returned function is called.
   * @param turn takes a time for which everything that had arrived by then has been read
   */
  every(ms: number, turn: (at: number) => void): () => void;
}

/** Milliseconds an alarm may be late, beside what the loop itself is late. */
export const GRAIN_MS = 10;
/** After so long without a turn the loop, or the whole machine, has stood still. */
export const LATE_MS = 1000;
const SLOTS = 512;

/**
 * Timers are before the sockets in a turn of the loop: behind a callback that has held it up, what has
 * arrived meanwhile is not read yet. So the time is taken in the timer, and the wheel turns behind the
 * sockets.
 *
 * Callbacks run in a microtask, not in the immediate: a handler that must be broken off from outside can be
 * broken off there without harm to the thread (DESIGN 3.4).
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
      // An immediate is not cleared: when a callback between two of them throws, Node.js (20 to 24) stumbles
      // over one that has been, in every turn of the loop from there on.
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
  /** Rings of entries; the entry that stands here is the ring's fixed head. */
  readonly #slots = Array.from({ length: SLOTS }, () => new Entry(nothing));
  #size = 0;
  /** First grain that has not been looked at. */
  #grain = 0;
  /** Time of its last turn, or when it has begun to turn. */
  #turnedAt = 0;
  #isLate = false;
  #stop: (() => void) | undefined;

  /** @param failed told when a callback throws; the others still ring */
  constructor(failed: (error: unknown) => void, ticker: Ticker = realTicker) {
    this.#failed = failed;
    this.#ticker = ticker;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * This turn comes so late that the whole machine may have stood still: what others have sent may be on its
   * way.
   */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** While alarms ring: everything that had arrived by this time has been read. */
  get turnedAt(): number {
    return this.#turnedAt;
  }

  now(): number {
    return this.#ticker.now();
  }

  /** Rings once, at the earliest `ms` from now. */
  after(ms: number, ring: () => void): Alarm {
    const now = this.#ticker.now();
    const entry = new Entry(ring);
    entry.at = now + Math.max(0, ms);
    entry.wheel = this;
    if (this.#size++ === 0) {
      this.#grain = Math.floor(now / GRAIN_MS);
      this.#turnedAt = now;
      this.#stop = this.#ticker.every(GRAIN_MS, (at) => this.turn(at));
    }
    const head = this.#slots[Math.ceil(entry.at / GRAIN_MS) % SLOTS]!;
    entry.previous = head.previous;
    entry.next = head;
    head.previous.next = entry;
    head.previous = entry;
    return entry;
  }

  /** For `Entry.cancel`. */
  remove(entry: Entry): void {
    entry.wheel = undefined;
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    if (--this.#size === 0) {
      this.#stop?.();
      this.#stop = undefined;
    }
  }

  /** Rings what is due. A loop that was held up for long finds everything in one round of the wheel. */
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
  }
}
