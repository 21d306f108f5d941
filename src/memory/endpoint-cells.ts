// The calls in flight to every endpoint and its latency, measured by all threads together. The balancer
// compares endpoints by them.
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { elapsed, toWord } from './elapsed.js';
import { PermitLedger } from './permit-ledger.js';

/** Weight of a new sample in the smoothed latency. */
const SMOOTHING = 1 / 4;
/**
 * A latency is compared only after this number of responses: the first ones include connecting, and code that
 * is not compiled yet.
 */
const WARM_UP = 10;
/** The latency halves in this time without calls, so an endpoint that was slow once is called again. */
const HALF_LIFE_MS = 10_000;
/** A latency that was measured within this time is not decayed, which saves the computation of a power. */
const FRESH_MS = 1_000;
const [VALUE, STAMP, ANSWERS] = [0, 1, 2] as const;
const MAX_MICROSECONDS = 2 ** 31 - 1;

/** The ledger of calls in flight, with one count for each endpoint. */
export const endpointLedger = (block: Block, slot: number): PermitLedger =>
  new PermitLedger(block, slot, { totals: 'endpointInFlight', own: 'heldInFlight' });

export class EndpointCells {
  readonly #block: Block;
  readonly #calls: PermitLedger;
  readonly #latency: Int32Array;
  readonly #latencyStride: number;
  readonly #clock: Clock;

  /** @param worker slot of the thread, 0 for the primary */
  constructor(block: Block, worker: number, clock: Clock) {
    this.#block = block;
    this.#calls = endpointLedger(block, worker);
    const latency = block.table('endpointLatency');
    this.#latency = latency.words;
    this.#latencyStride = latency.stride;
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

  /** Adds the latency of one response to the smoothed latency. */
  observe(slot: number, microseconds: number): void {
    const index = slot * this.#latencyStride;
    const sample = Math.min(Math.max(1, Math.round(microseconds)), MAX_MICROSECONDS);
    for (;;) {
      const old = Atomics.load(this.#latency, index + VALUE);
      const next = old === 0 ? sample : Math.max(1, Math.round(old + (sample - old) * SMOOTHING));
      if (Atomics.compareExchange(this.#latency, index + VALUE, old, next) === old) break;
    }
    Atomics.store(this.#latency, index + STAMP, toWord(this.#clock()));
    if (Atomics.load(this.#latency, index + ANSWERS) < WARM_UP)
      Atomics.add(this.#latency, index + ANSWERS, 1);
  }

  /**
   * Smoothed latency in microseconds, which decreases while there are no calls; 0 before the first response.
   * @param now reading of the shared clock. A caller that compares several endpoints passes it, because the
   *   reading costs more than the rest
   */
  smoothedLatency(slot: number, now: number = this.#clock()): number {
    const index = slot * this.#latencyStride;
    const value = Atomics.load(this.#latency, index + VALUE);
    if (value === 0) return 0;
    const idle = elapsed(toWord(now), Atomics.load(this.#latency, index + STAMP));
    return idle < FRESH_MS ? value : value * 2 ** (-idle / HALF_LIFE_MS);
  }

  /** The smoothed latency for comparing endpoints: 0 while there were too few responses. */
  latency(slot: number, now?: number): number {
    const answers = Atomics.load(this.#latency, slot * this.#latencyStride + ANSWERS);
    return answers < WARM_UP ? 0 : this.smoothedLatency(slot, now);
  }

  now(): number {
    return this.#clock();
  }

  /**
   * Empties the row for another endpoint in this slot. Calls of the previous endpoint still count until they
   * end. Primary only.
   */
  reset(slot: number): void {
    const index = slot * this.#latencyStride;
    Atomics.store(this.#latency, index + VALUE, 0);
    Atomics.store(this.#latency, index + ANSWERS, 0);
  }

  /** Releases what a lost worker held. Call it when none of its code can run any more. */
  reclaim(worker: number): void {
    endpointLedger(this.#block, worker).reclaim();
  }
}
