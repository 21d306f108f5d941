// Two rules of Netflix concurrency-limits (github.com/Netflix/concurrency-limits, concurrency-limits-core):
// VegasLimit at commit 141214dc and Gradient2Limit at f2528def, reimplemented from their source. A refused
// request gives them no sample, and no sample is dropped here.
import type { Random } from '../random.js';
import type { LimitRule, Sample } from './in-flight-limit.js';

/** Functions of the limit grow with its order of magnitude (Log10RootFunction). */
const magnitude = (limit: number): number =>
  limit < 1000 ? Math.max(1, Math.floor(Math.log10(limit))) : Math.floor(Math.sqrt(limit));

/**
 * VegasLimit: latency above the smallest one is a queue. Every sample moves the limit, and after 15 to 30
 * times the limit the next sample becomes the smallest latency.
 */
export class Vegas implements LimitRule {
  limit = 20;
  readonly #most = 1000;
  readonly #random: Random;
  #leastMs = 0;
  #samples = 0;
  #jitter: number;

  constructor(random: Random) {
    this.#random = random;
    this.#jitter = this.#newJitter();
  }

  left({ latencyMs, inFlight }: Sample): void {
    this.#samples++;
    if (this.#jitter * 30 * this.limit <= this.#samples) {
      this.#jitter = this.#newJitter();
      this.#samples = 0;
      this.#leastMs = latencyMs;
    } else if (this.#leastMs === 0 || latencyMs < this.#leastMs) this.#leastMs = latencyMs;
    else if (inFlight * 2 >= this.limit) this.#move(latencyMs);
  }

  #newJitter(): number {
    return 0.5 + this.#random.next() / 2;
  }

  #move(latencyMs: number): void {
    const step = magnitude(Math.floor(this.limit));
    const queue = Math.ceil(this.limit * (1 - this.#leastMs / latencyMs));
    let change = 0;
    if (queue <= step) change = 6 * step;
    else if (queue < 3 * step) change = step;
    else if (queue > 6 * step) change = -step;
    this.limit = Math.max(1, Math.min(this.#most, this.limit + change));
  }
}

/** Number of samples until the long-term mean becomes a moving one. */
const WARM_UP = 10;

/**
 * Gradient2Limit: the long-term mean latency divided by the current one, times a tolerance, between 0.5 and
 * 1. Its start value matters much, because a used limit grows by less than one per second.
 */
export class Gradient2 implements LimitRule {
  limit: number;
  readonly #most: number;
  readonly #least = 20;
  readonly #factor = 2 / (600 + 1);
  #longMs = 0;
  #samples = 0;

  /**
   * @param first the option `initialLimit` @default 20
   * @param most the option `maxConcurrency` @default 200
   */
  constructor(first = 20, most = 200) {
    this.limit = first;
    this.#most = most;
  }

  left({ latencyMs, inFlight }: Sample): void {
    const weight = this.#samples < WARM_UP ? 1 / ++this.#samples : this.#factor;
    this.#longMs += (latencyMs - this.#longMs) * weight;
    const longMs = this.#longMs;
    if (longMs / latencyMs > 2) this.#longMs *= 0.95;
    // A limit that is not reached gives no information.
    if (inFlight < this.limit / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (1.5 * longMs) / latencyMs));
    const next = this.limit * 0.8 + (this.limit * gradient + 4) * 0.2;
    this.limit = Math.max(this.#least, Math.min(this.#most, next));
  }
}

const WINDOW_MS = 1_000;
const LEAST_SAMPLES = 10;
const LEAST_LATENCY_MS = 0.1;

/** WindowedLimit: the rule gets the mean latency and the most requests in flight of every second. */
export class Windowed implements LimitRule {
  readonly #rule: LimitRule;
  #endsAt = 0;
  #samples = 0;
  #sumMs = 0;
  #mostInFlight = 0;

  constructor(rule: LimitRule) {
    this.#rule = rule;
  }

  get limit(): number {
    return this.#rule.limit;
  }

  left({ nowMs, latencyMs, inFlight }: Sample): void {
    if (latencyMs < LEAST_LATENCY_MS) return;
    this.#samples++;
    this.#sumMs += latencyMs;
    this.#mostInFlight = Math.max(this.#mostInFlight, inFlight);
    if (nowMs <= this.#endsAt) return;
    this.#endsAt = nowMs + WINDOW_MS;
    const latencyMean = this.#sumMs / this.#samples;
    if (this.#samples >= LEAST_SAMPLES) {
      this.#rule.left({ nowMs, latencyMs: latencyMean, inFlight: this.#mostInFlight });
    }
    this.#samples = 0;
    this.#sumMs = 0;
    this.#mostInFlight = 0;
  }
}
