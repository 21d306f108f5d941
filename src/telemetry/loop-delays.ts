// The delays of this thread's event loop, as `monitorEventLoopDelay` of Node.js counts them: the times
// between two turns of a timer of 10 ms. That timer wakes the thread up a hundred times a second, which takes
// about 0.3 % of a core, so it begins with the first scrape. Until then the delays are those of a slower
// timer, which the primary needs anyway.
import {
  createHistogram,
  type IntervalHistogram,
  monitorEventLoopDelay,
  type RecordableHistogram,
} from 'node:perf_hooks';
import { type Every, ownInterval } from '../grouped-interval.js';

/** The interval of `monitorEventLoopDelay` that prom-client uses too. */
const RESOLUTION_MS = 10;
/** The interval until the first scrape: that of the look at workers, with which it shares a timer. */
const COARSE_MS = 50;
const NS_PER_MS = 1e6;
/** An hour, as in `monitorEventLoopDelay`. */
const MAX_NS = 3.6e12;

/** All in nanoseconds. */
export interface LoopDelaySummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export class LoopDelays {
  /** Until the first call of `take`. */
  #coarse: CoarseDelays | undefined;
  #fine: IntervalHistogram | undefined;

  /** @param every @default a timer of its own */
  constructor(every?: Every) {
    this.#coarse = new CoarseDelays(every);
  }

  /** @returns the delays since the last call, or since the start; undefined when there was none */
  take(): LoopDelaySummary | undefined {
    if (this.#coarse !== undefined) {
      const summary = summaryOf(this.#coarse.end());
      this.#coarse = undefined;
      this.#fine = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#fine.enable();
      return summary;
    }
    const summary = this.#fine && summaryOf(this.#fine);
    this.#fine?.reset();
    return summary;
  }

  /** Measures nothing any more. */
  stop(): void {
    this.#coarse?.end();
    this.#fine?.disable();
  }
}

/**
 * Measures by how much each turn of a timer of 50 ms is late, and counts what a timer of 10 ms would count:
 * one delay of 10 ms more than that, and 10 ms for each other turn in the same time. Of a delay that begins
 * between two turns it misses what was left until the second one.
 */
class CoarseDelays {
  readonly #delays: RecordableHistogram = createHistogram({ lowest: 1, highest: MAX_NS, figures: 3 });
  readonly #stop: () => void;
  /** The last turn, on the clock of `performance.now()`. */
  #turnedAt = performance.now();

  constructor(every: Every = ownInterval) {
    this.#stop = every(COARSE_MS, () => this.#record());
  }

  /** The delays so far, with that of the turn which is due. */
  end(): RecordableHistogram {
    this.#stop();
    this.#record();
    return this.#delays;
  }

  #record(): void {
    const now = performance.now();
    const elapsedMs = now - this.#turnedAt;
    this.#turnedAt = now;
    const turns = Math.floor(Math.min(elapsedMs, COARSE_MS) / RESOLUTION_MS);
    for (let turn = 1; turn < turns; turn++) this.#delays.record(RESOLUTION_MS * NS_PER_MS);
    const delayNs = (RESOLUTION_MS + Math.max(0, elapsedMs - COARSE_MS)) * NS_PER_MS;
    this.#delays.record(Math.min(Math.round(delayNs), MAX_NS));
  }
}

/** A histogram without a value has a minimum of more than 292 years and a mean that is no number. */
function summaryOf(delays: IntervalHistogram | RecordableHistogram): LoopDelaySummary | undefined {
  if (delays.count === 0) return undefined;
  const { min, max, mean, stddev } = delays;
  const [p50, p90, p99] = [delays.percentile(50), delays.percentile(90), delays.percentile(99)];
  return { min, max, mean, stddev, p50, p90, p99 };
}
