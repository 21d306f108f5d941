// The waiting line of a bulkhead, over all threads. Each thread publishes since when its first waiter has
// been waiting and how many wait with it, and repeats that while they wait. A thread that releases a permit
// rings the thread whose waiter has waited longest: if it looked at its own waiters only, it would keep the
// permit among them, and waiters of other threads would starve. A thread that wants a permit leaves as many
// free as are due to the waiters before it, and takes one only beyond these. Every thread writes its own
// words; only the bell of a thread is changed by other threads.
import type { Area } from './area.js';
import type { Clock } from './clock.js';
import { elapsed, toWord } from './elapsed.js';
import { BULKHEAD_LINE_WORDS } from './layout.js';

/**
 * Words of a thread in the line. SINCE: when its first waiter began to wait, 0 for none, written last.
 * REPEATED_AT: when the thread published that last. BELL: changes when it is the turn of this thread.
 * WAITERS: how many wait.
 */
const [SINCE, REPEATED_AT, BELL, WAITERS] = [0, 1, 2, 3] as const;
/**
 * A thread repeats what it has published every 5 ms (resilience/bulkhead.ts). One that has not done so for
 * this long is stalled or has ended and delays no other thread: its waiters are skipped until it repeats it.
 */
const VALID_FOR_MS = 20;

export class BulkheadLine {
  readonly #words: Int32Array;
  /** Words from one thread's row to the next. */
  readonly #stride: number;
  readonly #first: number;
  readonly #slot: number;
  readonly #slots: number;
  readonly #clock: Clock;

  /** @param slot row of the thread @param row of the bulkhead */
  constructor(area: Area, slot: number, row: number, clock: Clock) {
    const { words, stride, rows } = area.table('bulkheadLine');
    this.#words = words;
    this.#stride = stride;
    this.#first = row * BULKHEAD_LINE_WORDS;
    this.#slot = slot;
    this.#slots = rows;
    this.#clock = clock;
  }

  /** Milliseconds of the shared clock. */
  now(): number {
    return this.#clock();
  }

  /**
   * Publishes how many wait in this thread, and since when the first of them has been waiting. Call it
   * whenever that changes, and every few milliseconds.
   */
  publish(since: number, waiters: number): void {
    const at = this.#at(this.#slot);
    Atomics.store(this.#words, at + WAITERS, waiters);
    Atomics.store(this.#words, at + REPEATED_AT, toWord(this.#clock()));
    Atomics.store(this.#words, at + SINCE, toWord(since) || 1);
  }

  /** Publishes that no caller waits in this thread. */
  clear(): void {
    Atomics.store(this.#words, this.#at(this.#slot) + SINCE, 0);
  }

  /**
   * The number of waiters in other threads that come first: all that wait in a thread whose first waiter has
   * waited longer, although some of them may have come later.
   * @param since when the first waiter of this thread began to wait, or the present time
   */
  ahead(since: number): number {
    const now = toWord(this.#clock());
    const mine = elapsed(now, toWord(since) || 1);
    let ahead = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      if (slot === this.#slot) continue;
      const theirs = this.#waited(slot, now);
      if (theirs > mine || (theirs === mine && slot < this.#slot)) {
        ahead += Atomics.load(this.#words, this.#at(slot) + WAITERS);
      }
    }
    return ahead;
  }

  /** Wakes the other thread whose first waiter has waited longest, if there is one. */
  ring(): void {
    const first = this.#longest();
    if (first < 0) return;
    const bell = this.#at(first) + BELL;
    Atomics.add(this.#words, bell, 1);
    Atomics.notify(this.#words, bell);
  }

  /** Resolves when another thread has rung for this one. Does not keep the process alive. */
  async rung(): Promise<void> {
    const bell = this.#at(this.#slot) + BELL;
    await Atomics.waitAsync(this.#words, bell, Atomics.load(this.#words, bell)).value;
  }

  #at(slot: number): number {
    return slot * this.#stride + this.#first;
  }

  /** The slot of the other thread whose first waiter has waited longest; -1 when none waits. */
  #longest(): number {
    const now = toWord(this.#clock());
    let first = -1;
    let longest = -1;
    for (let slot = 0; slot < this.#slots; slot++) {
      if (slot === this.#slot) continue;
      const waited = this.#waited(slot, now);
      if (waited > longest) [first, longest] = [slot, waited];
    }
    return first;
  }

  /** Milliseconds that the first waiter of a thread has waited; -1 when none waits. */
  #waited(slot: number, now: number): number {
    const at = this.#at(slot);
    const since = Atomics.load(this.#words, at + SINCE);
    if (since === 0 || elapsed(now, Atomics.load(this.#words, at + REPEATED_AT)) > VALID_FOR_MS) return -1;
    return elapsed(now, since);
  }
}
