// Which endpoints the balancer excludes because they fail where others do not (ejected), and which get less
// load because they have just registered or returned (starting). One thread decides, and all threads see it
// on their next pick.
//
// Only a part of a service's endpoints may be ejected. Two threads that eject two endpoints at the same
// moment must not both count the others and both find that one more is allowed. So ejections of the process
// take turns by one word: a thread that may eject writes which endpoint it ejects, by the same
// compare-and-swap that proves that nothing has changed since it counted. No thread waits: one that finds the
// turn of another thread finishes it, also when that thread has died in the middle.
//
// A turn contains the sequence number that the endpoint's word had when the ejection was due. The ejection is
// due as long as the word has that number, and no number is used twice. So all threads that finish a turn
// decide in the same way, whenever they do it.
import type { EjectionRule } from '../resilience/ejection.js';
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import {
  afterwards,
  EJECTED,
  EjectionWords,
  failuresOf,
  isEjected,
  isSpared,
  type LoadedWord,
  STARTING,
  sequenceOf,
  timesOf,
  withTimes,
} from './ejection-word.js';
import { elapsed, toWord } from './elapsed.js';

export type EjectionState =
  | { readonly state: 'in' }
  /** Registered `ageMs` ago. */
  | { readonly state: 'starting'; readonly ageMs: number }
  | { readonly state: 'ejected'; readonly leftMs: number; readonly times: number };

/** Called for each change, in the one thread that made it. */
export interface EjectionEvents {
  ejected(slot: number, times: number, forMs: number): void;
  returned(slot: number): void;
}

const IN: EjectionState = { state: 'in' };
/**
 * The word by which ejections take turns: the low bits of its low half are the endpoint that is being ejected
 * (row + 1), 0 for none; above them is a count of all changes. The high half is the sequence number of a
 * turn.
 */
const TURN_MASK = 0x7fff;
const CHANGE = TURN_MASK + 1;
const numberOf = (turn: bigint): number => Number(BigInt.asIntN(32, turn));
const isTaken = (turn: bigint): boolean => (numberOf(turn) & TURN_MASK) !== 0;
const turnOf = (number: number, sequence: number): bigint => (BigInt(sequence) << 32n) | BigInt(number >>> 0);

export class EjectionCells {
  readonly #words: EjectionWords;
  /** The low half of the turn, then all of it: supported platforms are little-endian. */
  readonly #turn: Int32Array;
  readonly #wholeTurn: BigInt64Array;
  readonly #rule: EjectionRule;
  readonly #clock: Clock;
  readonly #events: EjectionEvents | undefined;

  /** @throws RangeError for an impossible rule */
  constructor(block: Block, rule: EjectionRule, clock: Clock, events?: EjectionEvents) {
    if (!(rule.failures >= 1 && rule.failures <= 15))
      throw new RangeError('ejection: failures must be 1..15');
    this.#words = new EjectionWords(block);
    this.#turn = block.words('ejectionTurn');
    this.#wholeTurn = new BigInt64Array(this.#turn.buffer, this.#turn.byteOffset, 1);
    this.#rule = rule;
    this.#clock = clock;
    this.#events = events;
  }

  /**
   * A number that changes whenever an endpoint is ejected, returns or registers. It does not change when time
   * alone ends an ejection or a slow start; `state` shows that.
   */
  version(): number {
    return Atomics.load(this.#turn, 0);
  }

  /** Resets the number of failures in a row. */
  succeeded(slot: number): void {
    if (failuresOf(this.#words.low(slot)) === 0) return;
    for (;;) {
      const { word, low, moment } = this.#words.load(slot);
      if (failuresOf(low) === 0) return;
      const kept = low & (EJECTED | STARTING);
      if (this.#words.swap(slot, word, afterwards(low, kept, timesOf(low)), moment)) return;
    }
  }

  /**
   * Counts one more failure in a row; nothing is counted while the endpoint is ejected. @returns true when
   * there are enough failures to eject it
   */
  failed(slot: number): boolean {
    for (;;) {
      const { word, low, moment } = this.#words.load(slot);
      if (isEjected(low)) return false;
      if (failuresOf(low) >= this.#rule.failures) return true;
      if (!this.#words.swap(slot, word, low + 1, moment)) continue;
      return failuresOf(low) + 1 >= this.#rule.failures;
    }
  }

  /** The slots of all ejected endpoints, also of those whose time is over. */
  ejectedSlots(): readonly number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#words.slots; slot++)
      if (isEjected(this.#words.low(slot))) slots.push(slot);
    return slots;
  }

  /**
   * Ejects an endpoint that has failed often enough, if another one may be ejected. When several threads want
   * it, one of them does it.
   * @param hasRoom whether one more endpoint of the service may be ejected; it counts the ejected ones by
   *   `isEjected`, and is called again when their number has changed meanwhile
   */
  eject(slot: number, hasRoom: () => boolean): void {
    for (;;) {
      const turn = Atomics.load(this.#wholeTurn, 0);
      if (isTaken(turn)) {
        this.#finish(turn);
        continue;
      }
      const low = this.#words.low(slot);
      if (!this.#isDue(low) || !hasRoom()) return;
      const mine = turnOf((numberOf(turn) + CHANGE) | (slot + 1), sequenceOf(low));
      if (Atomics.compareExchange(this.#wholeTurn, 0, turn, mine) === turn) this.#finish(mine);
    }
  }

  /** Finishes the turn of a thread that died in the middle of it. */
  help(): void {
    const turn = Atomics.load(this.#wholeTurn, 0);
    if (isTaken(turn)) this.#finish(turn);
  }

  /**
   * Whether an endpoint is ejected now. When its time is over, the first thread that calls this lets it
   * return.
   */
  isEjected(slot: number): boolean {
    return isEjected(this.#words.low(slot)) && this.state(slot).state === 'ejected';
  }

  state(slot: number): EjectionState {
    for (;;) {
      if (!isSpared(this.#words.low(slot))) return IN;
      const loaded = this.#words.load(slot);
      const { low, moment } = loaded;
      const now = toWord(this.#clock());
      if (isEjected(low)) {
        const leftMs = (moment - now) | 0;
        // An end that seems further ahead than any ejection lasts has passed long ago: the word wraps around.
        if (leftMs > 0 && leftMs <= this.#rule.ejectedMs(timesOf(low))) {
          return { state: 'ejected', leftMs, times: timesOf(low) };
        }
        this.#return(slot, loaded, now);
      } else {
        const ageMs = elapsed(now, moment);
        if (ageMs < this.#rule.slowStartMs) return { state: 'starting', ageMs };
        // The flag is removed, or the endpoint would look like a starting one again after 49 days.
        this.#words.swap(slot, loaded.word, low & ~STARTING, moment);
      }
    }
  }

  /** Lets an ejected endpoint return before its time is over. */
  release(slot: number): void {
    const loaded = this.#words.load(slot);
    if (isEjected(loaded.low)) this.#return(slot, loaded, toWord(this.#clock()));
  }

  /**
   * Begins the slow start of an endpoint that has registered or has become healthy. An ejected endpoint stays
   * ejected; its slow start begins when it returns.
   */
  arrive(slot: number): void {
    for (;;) {
      const { word, low } = this.#words.load(slot);
      if (isEjected(low)) return;
      if (this.#words.swap(slot, word, afterwards(low, STARTING, timesOf(low)), toWord(this.#clock()))) break;
    }
    this.#changed();
  }

  /** Empties the word for another endpoint in this slot. */
  reset(slot: number): void {
    for (;;) {
      const { word, low } = this.#words.load(slot);
      if (this.#words.swap(slot, word, afterwards(low, 0, 0), toWord(this.#clock()))) break;
    }
    this.#changed();
  }

  /**
   * Writes what time alone has changed: ejections that are over, and earlier ejections that are forgotten.
   * Call it at least once in some days, in any thread: a time in shared memory looks recent again after 49
   * days.
   */
  sweep(): void {
    for (let slot = 0; slot < this.#words.slots; slot++) {
      this.state(slot);
      const { word, low, moment } = this.#words.load(slot);
      if (isSpared(low) || timesOf(low) === 0) continue;
      const quietMs = elapsed(toWord(this.#clock()), moment);
      if (this.#rule.remembered(timesOf(low), quietMs) > 0) continue;
      // The sequence number stays the same, so a turn that is under way can still eject the endpoint.
      this.#words.swap(slot, word, withTimes(low, 0), moment);
    }
  }

  #isDue(low: number): boolean {
    return !isEjected(low) && failuresOf(low) >= this.#rule.failures;
  }

  #finish(turn: bigint): void {
    const number = numberOf(turn);
    const slot = (number & TURN_MASK) - 1;
    // Any code of the process may have overwritten the word. A turn for an endpoint that does not exist ends
    // here.
    if (slot >= this.#words.slots) {
      this.#endTurn(number);
      return;
    }
    const { word, low, moment } = this.#words.load(slot);
    // Another sequence number means that this turn has ejected the endpoint already, or that a call has
    // succeeded since. Then nothing is ejected.
    if (this.#isDue(low) && BigInt(sequenceOf(low)) === turn >> 32n) {
      const now = toWord(this.#clock());
      const times = this.#rule.remembered(timesOf(low), elapsed(now, moment)) + 1;
      const forMs = this.#rule.ejectedMs(times);
      if (this.#words.swap(slot, word, afterwards(low, EJECTED, times), (now + forMs) >>> 0))
        this.#events?.ejected(slot, times, forMs);
      // The word has changed meanwhile: another thread has ejected the endpoint, or a call has succeeded or
      // failed. The turn is not ended: `eject` decides again by the new word, and so does the next thread
      // that finds the turn.
      else return;
    }
    this.#endTurn(number);
  }

  #endTurn(turn: number): void {
    Atomics.compareExchange(this.#turn, 0, turn, (turn + CHANGE) & ~TURN_MASK);
  }

  #return(slot: number, { word, low }: LoadedWord, now: number): void {
    if (!this.#words.swap(slot, word, afterwards(low, STARTING, timesOf(low)), now)) return;
    this.#changed();
    this.#events?.returned(slot);
  }

  #changed(): void {
    for (;;) {
      const turn = this.version();
      if (Atomics.compareExchange(this.#turn, 0, turn, (turn + CHANGE) | 0) === turn) return;
    }
  }
}
