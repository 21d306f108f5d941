// Who waits for a place in a bulkhead, over all threads. Each thread says since when its first waiter has
// waited, again and again while it does. Whoever has a place to give away looks there for who has waited
// longest: a thread that looked at its own waiters only would keep the place among them, and those of others
// would hardly ever get one.
import type { Area } from './area.js';
import type { Clock } from './clock.js';
import { elapsed, toWord } from './elapsed.js';

/** Of a thread's place in the line. SINCE: 0 for nobody; written last. BELL: changes when it is its turn. */
const [SINCE, SAID_AT, BELL] = [0, 1, 2] as const;
/**
 * A thread that has not said so for four looks (resilience/bulkhead.ts) is stalled or gone, and holds up no
 * other: waiters elsewhere take free places before their own time is over. It is first again as soon as it
 * says so again.
 */
const SAID_FOR_MS = 20;

export class BulkheadLine {
  readonly #words: Int32Array;
  readonly #row: number;
  readonly #stride: number;
  /** Words from one thread's place to the next. */
  readonly #threadStride: number;
  readonly #slot: number;
  readonly #slots: number;
  readonly #clock: Clock;

  /** @param slot row of the thread @param row of the bulkhead */
  constructor(area: Area, slot: number, row: number, clock: Clock) {
    const { words, stride, rows } = area.table('bulkheadLine');
    const bulkheads = area.table('bulkheadHeld').rows;
    this.#words = words;
    this.#stride = stride;
    this.#threadStride = bulkheads * stride;
    this.#row = row;
    this.#slot = slot;
    this.#slots = rows / bulkheads;
    this.#clock = clock;
  }

  /** Milliseconds of the shared clock. */
  now(): number {
    return this.#clock();
  }

  /** The first waiter of this thread has waited since then: to be said every few milliseconds. */
  say(since: number): void {
    const at = this.#at(this.#slot);
    Atomics.store(this.#words, at + SAID_AT, toWord(this.#clock()));
    Atomics.store(this.#words, at + SINCE, toWord(since) || 1);
  }

  /** Nobody waits in this thread. */
  rest(): void {
    Atomics.store(this.#words, this.#at(this.#slot) + SINCE, 0);
  }

  /** Somebody in another thread has waited longer. @param since as of `say`, or just now */
  isBehind(since: number): boolean {
    const first = this.#first();
    if (first < 0) return false;
    const now = toWord(this.#clock());
    const [mine, theirs] = [elapsed(now, toWord(since) || 1), this.#waited(first, now)];
    return theirs > mine || (theirs === mine && first < this.#slot);
  }

  /** It is the turn of who has waited longest in another thread, if anybody waits. */
  ring(): void {
    const first = this.#first();
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
    return slot * this.#threadStride + this.#row * this.#stride;
  }

  /** Of the other threads, the slot in which somebody has waited longest; -1: nobody waits. */
  #first(): number {
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
