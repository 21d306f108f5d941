// The load of every endpoint: calls in flight, latency and failures, measured by all threads together, and
// what the endpoint itself has reported. The balancer compares endpoints by them.
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { elapsed, isWithin, toWord } from './elapsed.js';
import { EndpointDoubts } from './endpoint-doubts.js';
import { EndpointFailures } from './endpoint-failures.js';
import { EndpointReports, latencyIn, NO_REPORT, othersIn } from './endpoint-report.js';
import { TURN_COUNTS } from './layout.js';
import { PermitLedger } from './permit-ledger.js';
import { remaining, smoothed } from './smoothing.js';

/** Weight of a new sample in the smoothed latency. */
const SMOOTHING = 1 / 4;
/**
 * A latency is compared only after this number of responses, because the first ones include connecting, and
 * code that is not compiled yet; or when it is a lower bound.
 */
const WARM_UP = 10;
/** A latency that was measured within this time is not decayed, which saves the computation of a power. */
const FRESH_MS = 1_000;
/** The words of an endpoint; REPORT has two, at an even index. */
const [LATENCY, STAMP, RESPONSES, FAILURES, REPORT] = [0, 1, 2, 3, 4] as const;
/**
 * The word RESPONSES: their number, up to WARM_UP, and this flag. It is set when a call has ended without a
 * response, so that its time is known to be a lower bound of the latency.
 */
const IS_BOUNDED = 0x100;
const COUNT_MASK = 0xff;
/** For this time what an endpoint has done is compared with what others do. */
const LATELY_MS = 60_000;
const MAX_MICROSECONDS = 2 ** 31 - 1;

/** The ledger of calls in flight, with one count for each endpoint. */
export const endpointLedger = (block: Block, slot: number): PermitLedger =>
  new PermitLedger(block, slot, { totals: 'endpointInFlight', own: 'heldInFlight' });

/** What endpoints are compared by. */
export interface EndpointLook {
  /** Calls of this process under way. */
  inFlight: number;
  /** Calls of other processes, as the endpoint has reported them; negative without a recent report. */
  others: number;
  /** Microseconds: the greater one of what was measured here and what was reported; 0: unknown. */
  latency: number;
  /** Whether a large part of the last calls has failed, so that other endpoints are preferred. */
  isFailing: boolean;
}

export class EndpointCells {
  readonly #block: Block;
  readonly #calls: PermitLedger;
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #turns: Int32Array;
  readonly #failures: EndpointFailures;
  readonly #reports: EndpointReports;
  readonly #doubts: EndpointDoubts;
  readonly #clock: Clock;
  readonly #look: EndpointLook = { inFlight: 0, others: -1, latency: 0, isFailing: false };

  /** @param worker slot of the thread, 0 for the primary */
  constructor(block: Block, worker: number, clock: Clock) {
    this.#block = block;
    this.#calls = endpointLedger(block, worker);
    const table = block.table('endpointLoad');
    this.#words = table.words;
    this.#stride = table.stride;
    this.#turns = block.words('turns');
    this.#failures = new EndpointFailures(table, FAILURES);
    this.#reports = new EndpointReports(table, REPORT);
    this.#doubts = new EndpointDoubts(block.table('endpointDoubt'));
    this.#clock = clock;
  }

  begin(slot: number): void {
    this.#calls.add(slot);
  }

  /** Ends a call that `begin` has counted. */
  end(slot: number): void {
    this.#calls.give(slot, 1);
  }

  inFlight(slot: number): number {
    return this.#calls.held(slot);
  }

  /** Adds the latency of one successful response to the smoothed latency. */
  observe(slot: number, microseconds: number): void {
    const index = slot * this.#stride;
    const now = this.#clock();
    this.#smooth(index, microseconds, now);
    if ((Atomics.load(this.#words, index + RESPONSES) & COUNT_MASK) < WARM_UP)
      Atomics.add(this.#words, index + RESPONSES, 1);
    this.#failures.count(slot, false, now);
  }

  /**
   * Counts a call that has ended after this time without a response. A response would have taken longer, so
   * the smoothed latency grows where it is less.
   */
  unanswered(slot: number, microseconds: number): void {
    const index = slot * this.#stride;
    const now = this.#clock();
    if (microseconds <= this.smoothedLatency(slot, now)) return;
    this.#smooth(index, microseconds, now);
    Atomics.or(this.#words, index + RESPONSES, IS_BOUNDED);
  }

  #smooth(index: number, microseconds: number, now: number): void {
    const sample = Math.min(Math.max(1, Math.round(microseconds)), MAX_MICROSECONDS);
    for (;;) {
      const old = Atomics.load(this.#words, index + LATENCY);
      const idle = elapsed(toWord(now), Atomics.load(this.#words, index + STAMP));
      const next = old === 0 ? sample : Math.max(1, Math.round(smoothed(old, sample, SMOOTHING, idle)));
      if (Atomics.compareExchange(this.#words, index + LATENCY, old, next) === old) break;
    }
    Atomics.store(this.#words, index + STAMP, toWord(now));
  }

  /** Whether the endpoint has lately responded, in less than this time by its smoothed latency. */
  hasResponded(slot: number, microseconds: number, now: number): boolean {
    const index = slot * this.#stride;
    if ((Atomics.load(this.#words, index + RESPONSES) & COUNT_MASK) === 0) return false;
    if (elapsed(toWord(now), Atomics.load(this.#words, index + STAMP)) > LATELY_MS) return false;
    return Atomics.load(this.#words, index + LATENCY) < microseconds;
  }

  /** Marks that the endpoint gives cause for doubt. */
  doubt(slot: number): void {
    this.#doubts.mark(slot, this.#clock());
  }

  /** Whether the endpoint has lately given cause for doubt. */
  isDoubted(slot: number, now: number): boolean {
    return this.#doubts.isMarked(slot, LATELY_MS, now);
  }

  /** Counts a call that has failed because of the endpoint. */
  failed(slot: number): void {
    this.#failures.count(slot, true, this.#clock());
  }

  /**
   * Smoothed latency in microseconds, which decreases while there are no calls; 0 before the first response.
   * @param now reading of the shared clock. A caller that compares several endpoints passes it, because the
   *   reading costs more than the rest
   */
  smoothedLatency(slot: number, now: number = this.#clock()): number {
    const index = slot * this.#stride;
    const value = Atomics.load(this.#words, index + LATENCY);
    if (value === 0) return 0;
    const idle = elapsed(toWord(now), Atomics.load(this.#words, index + STAMP));
    return idle < FRESH_MS ? value : value * remaining(idle);
  }

  /** The smoothed latency for comparing endpoints: 0 while too little is known of it. */
  latency(slot: number, now?: number): number {
    const known = Atomics.load(this.#words, slot * this.#stride + RESPONSES);
    return known < WARM_UP ? 0 : this.smoothedLatency(slot, now);
  }

  /**
   * Stores what an endpoint has reported of itself. Of its requests in flight those of this process are known
   * better, so only the others are kept.
   * @param inFlight requests that it works on, those of all processes
   */
  report(slot: number, inFlight: number, microseconds: number): void {
    this.#reports.store(slot, inFlight - this.inFlight(slot), microseconds, this.#clock());
  }

  /** Whether the endpoint has ever reported its load. */
  hasReported(slot: number): boolean {
    return this.#reports.isKnown(slot);
  }

  /**
   * Reads everything that endpoints are compared by. These are plain loads, of numbers that other threads
   * change at any moment: an atomic load is a call of V8, and takes as long as all the rest.
   * @param now reading of the shared clock
   * @returns the same object each time
   */
  look(slot: number, now: number): Readonly<EndpointLook> {
    const look = this.#look;
    const time = toWord(now) | 0;
    const report = this.#reports.recent(slot, time);
    const latency = this.#comparable(slot, time);
    look.inFlight = this.#calls.glimpse(slot);
    look.isFailing = this.#failures.isFailing(slot, now);
    look.others = report === NO_REPORT ? -1 : othersIn(report);
    look.latency = report === NO_REPORT ? latency : Math.max(latency, latencyIn(report));
    return look;
  }

  #comparable(slot: number, time: number): number {
    const words = this.#words;
    const index = slot * this.#stride;
    const value = words[index + LATENCY]!;
    if (value === 0 || words[index + RESPONSES]! < WARM_UP) return 0;
    const stamp = words[index + STAMP]!;
    if (isWithin(FRESH_MS, time, stamp)) return value;
    return Math.round(value * remaining(elapsed(time, stamp)));
  }

  /**
   * Takes the next turn of a list of endpoints. Two lists may have the same count, but that is rare: then
   * each skips the turns of the other.
   * @param list a hash of what the list is for
   * @returns how often it was called before for this count, in all threads, modulo 2^32
   */
  turn(list: number): number {
    return Atomics.add(this.#turns, list & (TURN_COUNTS - 1), 1) >>> 0;
  }

  now(): number {
    return this.#clock();
  }

  /**
   * Empties the row for another endpoint in this slot. Calls of the previous endpoint still count until they
   * end. Primary only.
   */
  reset(slot: number): void {
    const index = slot * this.#stride;
    Atomics.store(this.#words, index + LATENCY, 0);
    Atomics.store(this.#words, index + RESPONSES, 0);
    this.#failures.clear(slot);
    this.#reports.clear(slot);
    this.#doubts.clear(slot);
  }

  /** Releases what a lost worker held. Call it when none of its code can run any more. */
  reclaim(worker: number): void {
    endpointLedger(this.#block, worker).reclaim();
  }
}
