// Which probes of half-open breakers each thread has under way. The word of a breaker counts the probes taken
// and those that have succeeded; the difference must be held by threads, each of which counts its own. A
// thread that is killed or interrupted between the change of the breaker's word and that of its own leaves a
// probe that no thread holds. A census finds it in the way of permit-ledger.ts; the difference is that the
// count of a breaker begins anew with each epoch.
import type { Area } from './area.js';
import { type BreakerWords, epochOf, succeededOf, TAKEN, takenOf } from './breaker/breaker-word.js';

/**
 * Words of a thread for each breaker. HELD: epoch << 4 | probes, never more probes than the word of the
 * breaker counts. CHANGES: odd while the thread changes HELD or the word of the breaker.
 */
const [HELD, CHANGES, OWN_WORDS] = [0, 1, 2] as const;
const COUNT_MASK = 0xf;
/**
 * The most attempts of one call of `settle`, as in a ledger. The next call that is refused tries again, and
 * so does the primary.
 */
const TRIES = 100;

export class ProbePermits {
  readonly #breakers: BreakerWords;
  readonly #words: Int32Array;
  /** Words from one thread to the next. */
  readonly #stride: number;
  readonly #first: number;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, breakers: BreakerWords) {
    this.#breakers = breakers;
    const { words, stride } = area.table('heldProbes');
    this.#words = words;
    this.#stride = stride;
    this.#first = slot * this.#stride;
  }

  /**
   * Begins a probe and counts it for this thread.
   * @param change changes the word of the breaker; it returns false when the word could not be changed
   * @returns the result of `change`
   */
  take(breaker: number, epoch: number, change: () => boolean): boolean {
    this.#begin(breaker);
    const isTaken = change();
    if (isTaken) this.#add(breaker, epoch, 1);
    this.#end(breaker);
    return isTaken;
  }

  /** Ends a probe. @param change changes the word of the breaker @returns the result of `change` */
  give<T>(breaker: number, epoch: number, change: () => T): T {
    this.#begin(breaker);
    this.#add(breaker, epoch, -1);
    const result = change();
    this.#end(breaker);
    return result;
  }

  /** Subtracts probes without an outcome from the word of the breaker, unless its epoch is over. */
  #subtract(breaker: number, epoch: number, probes: number): void {
    for (;;) {
      const { word, low, since } = this.#breakers.load(breaker);
      if (epochOf(low) !== epoch) return;
      if (takenOf(low) - succeededOf(low) < probes) return;
      if (this.#breakers.swap(breaker, word, low - probes * TAKEN, since)) return;
    }
  }

  /** Releases what the thread of this slot held. Call it when none of its code can run any more. */
  reclaim(): void {
    for (let breaker = 0; breaker < this.#breakers.rows; breaker++) {
      const held = this.#words[this.#at(breaker) + HELD]!;
      const isInterrupted = (this.#words[this.#at(breaker) + CHANGES]! & 1) !== 0;
      if (!isInterrupted && (held & COUNT_MASK) === 0) continue;
      this.#begin(breaker);
      Atomics.store(this.#words, this.#at(breaker) + HELD, held & ~COUNT_MASK);
      this.#subtract(breaker, held >>> 4, held & COUNT_MASK);
      this.#end(breaker);
    }
    this.settle();
  }

  /**
   * Finds changes of this thread that were interrupted, and marks their censuses as due, as a ledger does.
   */
  recover(): void {
    const words = this.#words;
    const end = this.#breakers.rows;
    for (let breaker = 0, at = this.#first + CHANGES; breaker < end; breaker++, at += OWN_WORDS) {
      if ((words[at]! & 1) !== 0) this.#recover(breaker);
    }
  }

  /** Whether a census of a breaker is due, because some of its probes may be held by no thread. */
  isOwed(breaker: number): boolean {
    this.#recover(breaker);
    return this.#breakers.isOwed(breaker);
  }

  /** Takes each census that is due, as the thread of this slot. @returns how many failed and are still due */
  settle(): number {
    let [owed, tries] = [0, TRIES];
    for (let breaker = 0; breaker < this.#breakers.rows; breaker++) {
      if (!this.isOwed(breaker)) continue;
      let isDone = this.census(breaker);
      for (; !isDone && tries > 0; tries--) isDone = this.census(breaker);
      if (!isDone) owed++;
    }
    return owed;
  }

  /**
   * Compares the probes that a breaker counts with those that threads hold, and subtracts those that no
   * thread holds.
   * @returns false when another thread was in the middle of a change; then nothing is corrected
   */
  census(breaker: number): boolean {
    this.#begin(breaker);
    this.#breakers.owe(breaker, false);
    const isDone = this.#correct(breaker);
    if (!isDone) this.#breakers.owe(breaker, true);
    this.#end(breaker);
    return isDone;
  }

  #correct(breaker: number): boolean {
    const before = this.#all(breaker);
    const { word, low, since } = this.#breakers.load(breaker);
    const after = this.#all(breaker);
    if (before === undefined || after === undefined) return false;
    if (before.some((seen, index) => after[index] !== seen)) return false;
    const excess = takenOf(low) - succeededOf(low) - heldIn(before, epochOf(low));
    return excess <= 0 || this.#breakers.swap(breaker, word, low - excess * TAKEN, since);
  }

  /**
   * The words of all threads for a breaker; undefined when one of the others is in the middle of a change.
   */
  #all(breaker: number): readonly number[] | undefined {
    const seen: number[] = [];
    for (let first = 0; first < this.#words.length; first += this.#stride) {
      const at = first + breaker * OWN_WORDS;
      const changes = Atomics.load(this.#words, at + CHANGES);
      if (first !== this.#first && (changes & 1) !== 0) return undefined;
      seen.push(Atomics.load(this.#words, at + HELD), changes);
    }
    return seen;
  }

  #at(breaker: number): number {
    return this.#first + breaker * OWN_WORDS;
  }

  #begin(breaker: number): void {
    this.#recover(breaker);
    const at = this.#at(breaker) + CHANGES;
    Atomics.store(this.#words, at, this.#words[at]! + 1);
  }

  /** Marks a census as due when an earlier change of this thread was interrupted. */
  #recover(breaker: number): void {
    const at = this.#at(breaker) + CHANGES;
    const changes = this.#words[at]!;
    if ((changes & 1) === 0) return;
    this.#breakers.owe(breaker, true);
    Atomics.store(this.#words, at, changes + 1);
  }

  #end(breaker: number): void {
    const at = this.#at(breaker) + CHANGES;
    Atomics.store(this.#words, at, this.#words[at]! + 1);
  }

  #add(breaker: number, epoch: number, probes: 1 | -1): void {
    const at = this.#at(breaker) + HELD;
    const held = this.#words[at]!;
    const count = held >>> 4 === epoch ? held & COUNT_MASK : 0;
    if (count + probes >= 0) Atomics.store(this.#words, at, (epoch << 4) | (count + probes));
  }
}

/** The probes that all threads hold in an epoch. @param words as `#all` returns them */
function heldIn(words: readonly number[], epoch: number): number {
  let sum = 0;
  for (let at = 0; at < words.length; at += OWN_WORDS) {
    const held = words[at + HELD]!;
    if (held >>> 4 === epoch) sum += held & COUNT_MASK;
  }
  return sum;
}
