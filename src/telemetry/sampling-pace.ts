// When the primary takes samples: whenever it looks at the workers, together with its other timers, and by
// wake-ups of its own as often as a fixed share of a core allows. What such a wake-up costs differs by a
// factor of ten between machines, so it is measured.
import { EARLY_MS } from '../grouped-interval.js';

/**
 * The share of a core that wake-ups of its own may cost. The looks cost about half as much: they let the
 * other timers run a little more often. Together it is 0.3 % on a slow machine.
 */
const BUDGET = 0.0016;
const SHORTEST_MS = 5;
/** However expensive a wake-up is, one in a second is taken: its cost may have changed. */
const LONGEST_MS = 1_000;
/** The interval at which the primary watches the workers anyway: see cluster/heap-watch.ts. */
const WATCH_MS = 50;
/** What a wake-up costs until it is measured, and where it cannot be. */
const ASSUMED_US = 75;
/**
 * The number of costs that are kept. The estimate is their lower quartile: the higher ones hold other work of
 * the thread.
 */
const KEPT = 8;
/** After the first samples one of 64 is measured, because measuring costs as much as a sample. */
const MEASURE_EVERY = 64;

export class SamplingPace {
  readonly #random: () => number;
  readonly #costs: number[] = [];
  #measured = 0;
  #sinceMeasured = 0;
  #costUs = ASSUMED_US;

  /** @default random Math.random */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Whether the cost of the next sample is to be measured. Call once per sample. */
  isMeasureDue(): boolean {
    if (this.#costs.length >= KEPT && ++this.#sinceMeasured < MEASURE_EVERY) return false;
    this.#sinceMeasured = 0;
    return true;
  }

  /** @param us CPU time of the thread from one sample to the next */
  cost(us: number): void {
    this.#costs[this.#measured++ % KEPT] = us;
    const sorted = this.#costs.toSorted((a, b) => a - b);
    this.#costUs = sorted[Math.floor(sorted.length / 4)]!;
  }

  /** Milliseconds between two wake-ups, on average. */
  get meanMs(): number {
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.#costUs / 1000 / BUDGET));
  }

  /**
   * Milliseconds until the next wake-up: half to one and a half of the mean, by chance, so that samples do
   * not keep step with what workers do at regular intervals.
   */
  nextMs(): number {
    return this.meanMs * (0.5 + this.#random());
  }

  /**
   * Milliseconds until the next look, by chance as well. The look is due so short a time before the works of
   * the primary that they run together with it: it needs no wake-up beside theirs.
   */
  nextLookMs(): number {
    return WATCH_MS - EARLY_MS * this.#random();
  }
}
