// How often the primary takes samples: as often as a fixed share of a core allows. What a sample costs is
// mostly the wake-up of its thread, which differs by a factor of ten between machines, so it is measured.

/** The share of a core that samples may cost: below 0.3 %, because the estimate has errors. */
const BUDGET = 0.0028;
const SHORTEST_MS = 5;
const LONGEST_MS = 40;
/** What a sample costs until it is measured, and where it cannot be. */
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

  /** Milliseconds between two samples, on average. */
  get meanMs(): number {
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.#costUs / 1000 / BUDGET));
  }

  /**
   * Milliseconds until the next sample: half to one and a half of the mean, by chance, so that samples do not
   * keep step with what workers do at regular intervals.
   */
  nextMs(): number {
    return this.meanMs * (0.5 + this.#random());
  }
}
