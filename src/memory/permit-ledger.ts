// Counts of permits that all threads share. For each count there is a total, which every thread changes by
// atomic operations, and for each thread two words with what it has taken and given, which only that thread
// writes. A thread may be killed, or its code interrupted, between the change of the total and its own word.
// So one of its words is odd while an operation is under way:
//
//   to take an amount    taken = t + 1              the total grows by it      taken = t + 2 x amount
//   to give it           given = g + 2 x amount - 1    the total shrinks by it    given = g + 2 x amount
//
// Both words only grow, and wrap around at 2^32. A thread holds (taken - given) / 2, rounded down, which is
// never more than its part of the total, also when its last operation was interrupted in the middle. It never
// holds more than 2^30: a difference that means more is a negative one, of a thread that has given more than
// it had. It holds nothing then, and a census is due.
//
// What a lost thread holds by its words is released at once. But no word shows whether an interrupted
// operation had already changed the total. A census finds that out: while the words of all threads are even
// and do not change, the total must be the sum of what they hold, and any excess is released. A census is due
// (OWED) from the moment an interrupted operation is found until one succeeds. Until then the total may be
// too high but never too low: a bound is too strict and never too lax. A census assumes nothing about the
// lost thread, so any thread may repeat it at any time.
import type { Area } from './area.js';
import type { FieldName } from './layout.js';

/** Words of a thread for each count. */
const [TAKEN, GIVEN, OWN_WORDS] = [0, 1, 2] as const;
/** Words of a total. OWED: 1 while a census is due. */
const [TOTAL, OWED] = [0, 1] as const;
/**
 * The most attempts of one call of `settle`. Later calls try again, because a thread that is suspended in the
 * middle of an operation may stay so for a long time.
 */
const TRIES = 100;

export interface LedgerFields {
  /** One row for each count. */
  readonly totals: FieldName;
  /** One row for each thread: its words for all counts. */
  readonly own: FieldName;
}

/** The counts of one kind, as the thread of one slot uses them. */
export class PermitLedger {
  readonly #totals: Int32Array;
  readonly #stride: number;
  readonly #counts: number;
  readonly #own: Int32Array;
  /** Words from one thread to the next. */
  readonly #ownStride: number;
  readonly #first: number;

  constructor(area: Area, slot: number, { totals, own }: LedgerFields) {
    const table = area.table(totals);
    this.#totals = table.words;
    this.#stride = table.stride;
    this.#counts = table.rows;
    const { words, stride } = area.table(own);
    this.#own = words;
    this.#ownStride = stride;
    this.#first = slot * this.#ownStride;
  }

  /** Permits that all threads hold together. */
  held(count: number): number {
    return Atomics.load(this.#totals, count * this.#stride + TOTAL);
  }

  /** The same by a plain load: for comparisons, which may be a moment late. */
  glimpse(count: number): number {
    return this.#totals[count * this.#stride + TOTAL]!;
  }

  /**
   * Takes `amount` units, all or none.
   * @param most units that all threads may hold together, below 2^31; one thread holds at most 2^30
   * @returns false when they would become more than `most`; nothing is taken then
   */
  take(count: number, amount: number, most: number): boolean {
    // This comes first, because it marks a census as due when an interrupted operation may have left too much
    // in the total, for which this operation would be refused.
    const at = this.#ready(count) + TAKEN;
    const total = count * this.#stride + TOTAL;
    let before = Atomics.load(this.#totals, total);
    if (before + amount > most) return false;
    const taken = this.#own[at]!;
    this.#own[at] = taken + 1; // plain: the atomic operation behind it is a fence
    for (;;) {
      const seen = Atomics.compareExchange(this.#totals, total, before, before + amount);
      if (seen === before) break;
      before = seen;
      if (before + amount > most) {
        this.#own[at] = taken;
        return false;
      }
    }
    Atomics.store(this.#own, at, taken + 2 * amount);
    return true;
  }

  /** Takes one unit without a bound. @returns units held by all threads before */
  add(count: number): number {
    const at = this.#ready(count) + TAKEN;
    const taken = this.#own[at]!;
    this.#own[at] = taken + 1;
    const before = Atomics.add(this.#totals, count * this.#stride + TOTAL, 1);
    Atomics.store(this.#own, at, taken + 2);
    return before;
  }

  /** Releases `amount` units that this thread holds. */
  give(count: number, amount: number): void {
    const at = this.#ready(count) + GIVEN;
    const given = this.#own[at]!;
    this.#own[at] = given + 2 * amount - 1;
    Atomics.sub(this.#totals, count * this.#stride + TOTAL, amount);
    Atomics.store(this.#own, at, given + 2 * amount);
  }

  /** Whether a census is due: an operation was interrupted, and no census has succeeded since. */
  isOwed(count: number): boolean {
    return Atomics.load(this.#totals, count * this.#stride + OWED) !== 0;
  }

  /**
   * Releases what the thread of this slot held. Call it when none of its code can run any more.
   * @param released called for each count of which something was released, so that others may take it
   */
  reclaim(released?: (count: number) => void): void {
    for (let count = 0; count < this.#counts; count++) {
      const at = this.#ready(count);
      const held = heldIn(this.#own, at);
      if (held === 0) {
        this.#forgetExcess(count, at);
        continue;
      }
      this.give(count, held);
      released?.(count);
    }
    this.settle(released);
  }

  /** Ends a negative difference, so that the next thread of the slot begins with nothing. */
  #forgetExcess(count: number, at: number): void {
    if (this.#own[at + TAKEN] === this.#own[at + GIVEN]) return;
    Atomics.store(this.#own, at + GIVEN, this.#own[at + TAKEN]!);
    this.#oweCensus(count);
  }

  /**
   * Finds operations of this thread that were interrupted, and marks their censuses as due. Each operation
   * does the same for its own count. Only the thread of this slot can do so: for other threads an interrupted
   * operation looks like one under way.
   */
  recover(): void {
    const own = this.#own;
    const end = this.#first + this.#counts * OWN_WORDS;
    // Every worker does this four times a second for thousands of words.
    for (let at = this.#first; at < end; at++) {
      if ((own[at]! & 1) !== 0) this.#ready(Math.floor((at - this.#first) / OWN_WORDS));
    }
  }

  /** Takes each census that is due, as the thread of this slot. @returns how many failed and are still due */
  settle(released?: (count: number) => void): number {
    this.recover();
    let [owed, tries] = [0, TRIES];
    for (let count = 0; count < this.#counts; count++) {
      if (!this.isOwed(count)) continue;
      let isDone = this.census(count);
      for (; !isDone && tries > 0; tries--) isDone = this.census(count);
      if (isDone) released?.(count);
      else owed++;
    }
    return owed;
  }

  /**
   * Compares the total with what all threads hold, and corrects it.
   * @returns false when another thread was in the middle of an operation; then nothing is corrected
   */
  census(count: number): boolean {
    const own = this.#ready(count) + TAKEN;
    const total = count * this.#stride;
    const taken = this.#own[own]!;
    // The census is itself an operation of this slot: of two threads that take one at the same time at least
    // one sees the other, and when this thread is lost in the middle another census becomes due.
    Atomics.store(this.#own, own, taken + 1);
    Atomics.store(this.#totals, total + OWED, 0);
    const excess = this.#excess(count, taken);
    if (excess === undefined) Atomics.store(this.#totals, total + OWED, 1);
    else if (excess !== 0) Atomics.sub(this.#totals, total + TOTAL, excess);
    Atomics.store(this.#own, own, taken);
    return excess !== undefined;
  }

  /**
   * How much the total is above the sum of what the threads hold.
   * @param taken the even value of this slot's word, which is odd during the census
   * @returns undefined when a thread was in the middle of an operation
   */
  #excess(count: number, taken: number): number | undefined {
    const slots = this.#own.length / this.#ownStride;
    const seen = new Int32Array(slots * OWN_WORDS);
    const words = this.#own;
    const isSame = (isFirst: boolean): boolean => {
      for (let slot = 0; slot < slots; slot++) {
        const at = slot * this.#ownStride + count * OWN_WORDS;
        for (const word of [TAKEN, GIVEN]) {
          const isAnnounced = word === TAKEN && slot * this.#ownStride === this.#first;
          const now = isAnnounced ? taken : Atomics.load(words, at + word);
          if ((now & 1) !== 0) return false;
          const index = slot * OWN_WORDS + word;
          if (isFirst) seen[index] = now;
          else if (seen[index] !== now) return false;
        }
      }
      return true;
    };
    if (!isSame(true)) return undefined;
    const total = this.held(count);
    if (!isSame(false)) return undefined;
    let sum = 0;
    for (let slot = 0; slot < slots; slot++) sum += heldIn(seen, slot * OWN_WORDS);
    return total - sum;
  }

  /**
   * Index of the words of this slot. Both are even afterwards: when an earlier operation was interrupted, a
   * permit that was being taken counts as not held, and one that was being given counts as given.
   */
  #ready(count: number): number {
    const at = this.#first + count * OWN_WORDS;
    const taken = this.#own[at + TAKEN]!;
    const given = this.#own[at + GIVEN]!;
    if (((taken | given) & 1) !== 0) this.#recover(count, at, taken, given);
    return at;
  }

  #recover(count: number, at: number, taken: number, given: number): void {
    this.#oweCensus(count);
    if ((taken & 1) !== 0) Atomics.store(this.#own, at + TAKEN, taken - 1);
    if ((given & 1) !== 0) Atomics.store(this.#own, at + GIVEN, given + 1);
  }

  #oweCensus(count: number): void {
    Atomics.store(this.#totals, count * this.#stride + OWED, 1);
  }
}

/** Twice the most that one thread holds, as a signed difference of its words. */
const TWICE_THE_MOST = -(2 ** 31);

/** The amount that a thread holds. @param at index of its two words */
const heldIn = (words: Int32Array, at: number): number => heldBy(words[at + TAKEN]!, words[at + GIVEN]!);

function heldBy(taken: number, given: number): number {
  const difference = (taken - given) | 0;
  return difference < 0 && difference !== TWICE_THE_MOST ? 0 : difference >>> 1;
}

/**
 * The amount that a thread holds in a ledger that has one count. @param own the words of that thread; any
 * thread may read them
 */
export function heldByThread(own: Int32Array): number {
  const given = Atomics.load(own, GIVEN);
  return heldBy(Atomics.load(own, TAKEN), given);
}

/**
 * The amount that a thread has ever taken, which wraps around at 2^31. @param own the words of that thread
 */
export const takenByThread = (own: Int32Array): number => Atomics.load(own, TAKEN) >>> 1;
