// How busy and how fast every endpoint is, as seen by all threads together: what the balancer compares.
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { elapsed, toWord } from './elapsed.js';
import { MAX_ENDPOINTS } from './layout.js';

/** Weight of a new sample in the smoothed latency. */
const SMOOTHING = 1 / 4;
/** Answers until a latency is worth comparing: the first ones pay for connections and for code still cold. */
const WARM_UP = 10;
/** Latency halves when nobody calls for this long: an endpoint that was slow once is asked again. */
const HALF_LIFE_MS = 10_000;
/** Not worth a power of two. */
const FRESH_MS = 1_000;
const [VALUE, STAMP, ANSWERS] = [0, 1, 2] as const;
const MAX_MICROSECONDS = 2 ** 31 - 1;

export class EndpointCells {
  readonly #inFlight: Int32Array;
  readonly #inFlightStride: number;
  readonly #latency: Int32Array;
  readonly #latencyStride: number;
  readonly #held: Int32Array;
  readonly #ownHeld: number;
  readonly #workers: number;
  readonly #clock: Clock;

  /** @param worker slot of the thread, 0 for the primary */
  constructor(block: Block, worker: number, clock: Clock) {
    const inFlight = block.table('endpointInFlight');
    this.#inFlight = inFlight.words;
    this.#inFlightStride = inFlight.stride;
    const latency = block.table('endpointLatency');
    this.#latency = latency.words;
    this.#latencyStride = latency.stride;
    this.#held = block.table('heldInFlight').words;
    this.#ownHeld = worker * MAX_ENDPOINTS;
    this.#workers = block.workers;
    this.#clock = clock;
  }

  begin(slot: number): void {
    Atomics.add(this.#held, this.#ownHeld + slot, 1);
    Atomics.add(this.#inFlight, slot * this.#inFlightStride, 1);
  }

  /** Takes back one `begin`. One that `reset` or `reclaim` already took back is not taken back twice. */
  end(slot: number): void {
    const index = this.#ownHeld + slot;
    for (;;) {
      const held = Atomics.load(this.#held, index);
      if (held <= 0) return;
      if (Atomics.compareExchange(this.#held, index, held, held - 1) === held) break;
    }
    Atomics.sub(this.#inFlight, slot * this.#inFlightStride, 1);
  }

  inFlight(slot: number): number {
    return Atomics.load(this.#inFlight, slot * this.#inFlightStride);
  }

  /** Feeds the smoothed latency with one answer. */
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
   * Smoothed latency in microseconds, fading while nobody calls; 0 before the first answer.
   * @param now of the clock, for who asks more than once: it costs more than the rest
   */
  smoothedLatency(slot: number, now: number = this.#clock()): number {
    const index = slot * this.#latencyStride;
    const value = Atomics.load(this.#latency, index + VALUE);
    if (value === 0) return 0;
    const idle = elapsed(toWord(now), Atomics.load(this.#latency, index + STAMP));
    return idle < FRESH_MS ? value : value * 2 ** (-idle / HALF_LIFE_MS);
  }

  /** The same, to compare endpoints by: 0 while too little is known. */
  latency(slot: number, now?: number): number {
    const answers = Atomics.load(this.#latency, slot * this.#latencyStride + ANSWERS);
    return answers < WARM_UP ? 0 : this.smoothedLatency(slot, now);
  }

  now(): number {
    return this.#clock();
  }

  /** For another endpoint in this slot. Primary only. */
  reset(slot: number): void {
    for (let worker = 0; worker <= this.#workers; worker++) this.#giveBack(worker, slot);
    const index = slot * this.#latencyStride;
    Atomics.store(this.#latency, index + VALUE, 0);
    Atomics.store(this.#latency, index + ANSWERS, 0);
  }

  /** Gives back what a lost worker held. Call when none of its code can run any more. */
  reclaim(worker: number): void {
    for (let slot = 0; slot < MAX_ENDPOINTS; slot++) this.#giveBack(worker, slot);
  }

  #giveBack(worker: number, slot: number): void {
    const held = Atomics.exchange(this.#held, worker * MAX_ENDPOINTS + slot, 0);
    if (held !== 0) Atomics.sub(this.#inFlight, slot * this.#inFlightStride, held);
  }
}
