// Which endpoints are excluded from picks because they fail where others do not (ejected), and which have
// just registered (starting): decided once for all threads, seen by each on its next pick.
//
// Only a part of a service's endpoints may be ejected. Two threads that eject two endpoints at the same
// moment must not both count the others and both find that one more is allowed. So ejections of the process
// take turns by one word: a thread that may eject writes which endpoint it ejects, by the same
// compare-and-swap that proves that nothing has changed since it counted. No thread waits: one that finds the
// turn of another thread finishes it, also when that thread has died in the middle.
//
// A turn names the sequence number that the endpoint's word had when the ejection was due. As long as the
// word has that number the ejection stays due, and no number is used twice, so all threads that finish a turn
// agree on its end, whenever they look.
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

/** Called in the one thread that made the change. */
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
const TURN_MASK = 0x7ff;
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

  /** Another one whenever something is ejected, returns or comes. What time alone changes is in `state`. */
  version(): number {
    return Atomics.load(this.#turn, 0);
  }

  /** Ends a row of failures. */
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
   * One more in a row. True when it is long enough to eject; not while it is ejected, when nothing is
   * counted.
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

  /**
   * Takes an endpoint out that has failed often enough, if there is room. Several threads may want it: one of
   * them does it.
   * @param hasRoom counts, by `isEjected`, the endpoints that are ejected at this moment; called again when
   *   that has changed meanwhile
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

  /** An endpoint whose time is over returns when the first thread looks. */
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
        // A moment that seems further ahead has passed 24 days ago, and no thread has looked since.
        if (leftMs > 0 && leftMs <= this.#rule.ejectedMs(timesOf(low))) {
          return { state: 'ejected', leftMs, times: timesOf(low) };
        }
        this.#return(slot, loaded, now);
      } else {
        const ageMs = elapsed(now, moment);
        if (ageMs < this.#rule.slowStartMs) return { state: 'starting', ageMs };
        // Written down, so that it stays so when the clock's word comes round.
        this.#words.swap(slot, loaded.word, low & ~STARTING, moment);
      }
    }
  }

  /** Back before its time. */
  release(slot: number): void {
    const loaded = this.#words.load(slot);
    if (isEjected(loaded.low)) this.#return(slot, loaded, toWord(this.#clock()));
  }

  /**
   * It has come, or has become well: its slow start begins. What is ejected stays so, with its own slow start
   * to come.
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
   * Writes what time alone has changed: endpoints that have returned, and ejections that are forgotten. To be
   * done now and then, in any thread, in less than days: a moment looks recent once more after 49.
   */
  sweep(): void {
    for (let slot = 0; slot < this.#words.slots; slot++) {
      this.state(slot);
      const { word, low, moment } = this.#words.load(slot);
      if (isSpared(low) || timesOf(low) === 0) continue;
      const quietMs = elapsed(toWord(this.#clock()), moment);
      if (this.#rule.remembered(timesOf(low), quietMs) > 0) continue;
      // The sequence number stays, so a turn that is under way ejects the endpoint all the same.
      this.#words.swap(slot, word, withTimes(low, 0), moment);
    }
  }

  #isDue(low: number): boolean {
    return !isEjected(low) && failuresOf(low) >= this.#rule.failures;
  }

  #finish(turn: bigint): void {
    const number = numberOf(turn);
    const slot = (number & TURN_MASK) - 1;
    // The word can have been overwritten by any code of the process: a turn of no endpoint ends at once.
    if (slot >= this.#words.slots) {
      this.#endTurn(number);
      return;
    }
    const { word, low, moment } = this.#words.load(slot);
    // With another sequence number it was ejected by this turn, or has had a success: then the turn ejects
    // nothing.
    if (this.#isDue(low) && BigInt(sequenceOf(low)) === turn >> 32n) {
      const now = toWord(this.#clock());
      const times = this.#rule.remembered(timesOf(low), elapsed(now, moment)) + 1;
      const forMs = this.#rule.ejectedMs(times);
      if (this.#words.swap(slot, word, afterwards(low, EJECTED, times), (now + forMs) >>> 0))
        this.#events?.ejected(slot, times, forMs);
      // Another thread has ejected it, or it has failed or succeeded meanwhile: which of them, a second look
      // tells.
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
