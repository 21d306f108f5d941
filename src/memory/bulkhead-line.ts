// Who waits for a place in a bulkhead, over all threads. Each thread says since when its first waiter has
// waited, and how many wait with it, again and again while they do. Whoever has a place to give away looks
// there for who has waited longest: a thread that looked at its own waiters only would keep the place among
// them, and those of others would hardly ever get one. Whoever wants a place leaves as many free as are due
// to those that come before it, and takes what is free beyond these.
import type { Area } from './area.js';
import type { Clock } from './clock.js';
import { elapsed, toWord } from './elapsed.js';
import { BULKHEAD_LINE_WORDS } from './layout.js';

/** Of a thread's place in the line. SINCE: 0 for nobody; written last. BELL: changes when it is its turn. */
const [SINCE, SAID_AT, BELL, WAITERS] = [0, 1, 2, 3] as const;
/**
 * A thread that has not said so for four looks (resilience/bulkhead.ts) is stalled or gone, and holds up no
 * other: waiters elsewhere take free places before their own time is over. It is first again as soon as it
 * says so again.
 */
const SAID_FOR_MS = 20;

export class BulkheadLine {
  readonly #words: Int32Array;
  /** Words from one thread's place to the next. */
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
   * So many wait in this thread, the first of them since then: to be said whenever that changes, and every
   * few milliseconds.
   */
  say(since: number, waiters: number): void {
    const at = this.#at(this.#slot);
    Atomics.store(this.#words, at + WAITERS, waiters);
    Atomics.store(this.#words, at + SAID_AT, toWord(this.#clock()));
    Atomics.store(this.#words, at + SINCE, toWord(since) || 1);
  }

  /** Nobody waits in this thread. */
  rest(): void {
    Atomics.store(this.#words, this.#at(this.#slot) + SINCE, 0);
  }

  /**
   * How many in other threads are to have a place first: all that wait in a thread whose first has waited
   * longer, though some of them may have come later.
   * @param since as of `say`, or just now
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

  /** It is the turn of who has waited longest in another thread, if anybody waits. */
  ring(): void {
    const first = this.#longest();
    if (first < 0) return;
    const bell = this.#at(first) + BELL;
    Atomics.add(this.#words, bell, 1);
    Atomics.notify(this.#words, bell);
  }

  /** Resolves when it is the turn of this thread. Keeps no process alive. */
  async rung(): Promise<void> {
    const bell = this.#at(this.#slot) + BELL;
    await Atomics.waitAsync(this.#words, bell, Atomics.load(this.#words, bell)).value;
  }

  #at(slot: number): number {
    return slot * this.#stride + this.#first;
  }

  /** Of the other threads, the slot in which somebody has waited longest; -1: nobody waits. */
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

  /** Milliseconds; -1: nobody waits there. */
  #waited(slot: number, now: number): number {
    const at = this.#at(slot);
    const since = Atomics.load(this.#words, at + SINCE);
    if (since === 0 || elapsed(now, Atomics.load(this.#words, at + SAID_AT)) > SAID_FOR_MS) return -1;
    return elapsed(now, since);
  }
}
