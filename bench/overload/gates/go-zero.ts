// The adaptive shedder of go-zero (github.com/zeromicro/go-zero, core/load/adaptiveshedder.go at commit
// 037917d7), reimplemented from its source with its defaults. The original reads the CPU usage of the
// container; this one reads how busy the thread of the requests is, which is the best information here.
import type { LoopSignals } from '#src/resilience/loop-signals.js';
import type { ModelGate, Policy } from './gate.js';

/** CPU usage in thousandths: of a whole processor, and the share from which requests may be refused. */
const [FULL, HOT] = [1000, 900];
const CPU_EVERY_MS = 250;
const CPU_BETA = 0.95;
const FLYING_BETA = 0.9;
const LEAST_FACTOR = 0.1;
const COOL_OFF_MS = 1_000;
const BUCKET_MS = 100;
/** Number of buckets in five seconds. The current one is not counted. */
const BUCKETS = 50;
/** The least mean latency while none is known. */
const UNKNOWN_LATENCY_MS = 1_000;

interface Bucket {
  readonly number: number;
  passed: number;
  sumMs: number;
}

class Shedder implements ModelGate {
  readonly holdMs = 0;
  readonly #loop: LoopSignals;
  readonly #buckets: Bucket[] = [];
  #flying = 0;
  #meanFlying = 0;
  #cpu = 0;
  #cpuAt = 0;
  #slept = 0;
  #hotAt = 0;
  #hasDropped = false;

  constructor(loop: LoopSignals) {
    this.#loop = loop;
  }

  enter(): number {
    this.readCpu();
    if ((this.#isOverloaded() || this.#isStillHot()) && this.#isFull()) {
      this.#hasDropped = true;
      return 0;
    }
    this.#flying++;
    return 1;
  }

  leave(_ticket: number, latencyMs: number): void {
    this.#flying--;
    this.#meanFlying = this.#meanFlying * FLYING_BETA + this.#flying * (1 - FLYING_BETA);
    const number = Math.floor(this.#loop.now() / BUCKET_MS);
    let bucket = this.#buckets.at(-1);
    if (bucket?.number !== number) {
      bucket = { number, passed: 0, sumMs: 0 };
      this.#buckets.push(bucket);
      if (this.#buckets.length > BUCKETS) this.#buckets.shift();
    }
    bucket.passed++;
    bucket.sumMs += Math.ceil(latencyMs);
  }

  /**
   * Updates a moving mean over about five seconds, in whole thousandths. A late step is applied as many times
   * as it was due.
   */
  readCpu(): void {
    const now = this.#loop.now();
    const steps = Math.floor((now - this.#cpuAt) / CPU_EVERY_MS);
    if (steps === 0) return;
    const slept = this.#loop.sleptMs();
    const elapsedMs = now - this.#cpuAt;
    const used = Math.floor(FULL * Math.max(0, 1 - (slept - this.#slept) / elapsedMs));
    for (let step = 0; step < steps; step++) {
      this.#cpu = Math.floor(this.#cpu * CPU_BETA + used * (1 - CPU_BETA));
    }
    this.#cpuAt = now;
    this.#slept = slept;
  }

  #isOverloaded(): boolean {
    if (this.#cpu < HOT) return false;
    this.#hotAt = this.#loop.now();
    return true;
  }

  #isStillHot(): boolean {
    if (!this.#hasDropped || this.#hotAt === 0) return false;
    if (this.#loop.now() - this.#hotAt < COOL_OFF_MS) return true;
    this.#hasDropped = false;
    return false;
  }

  /**
   * True when more requests are in flight than the best rate of five seconds times the least mean latency
   * allows, scaled by the CPU usage.
   */
  #isFull(): boolean {
    const current = Math.floor(this.#loop.now() / BUCKET_MS);
    let [mostPassed, leastMs] = [1, UNKNOWN_LATENCY_MS];
    for (const { number, passed, sumMs } of this.#buckets) {
      if (number === current || number <= current - BUCKETS) continue;
      mostPassed = Math.max(mostPassed, passed);
      leastMs = Math.min(leastMs, Math.round(sumMs / passed));
    }
    const factor = Math.min(1, Math.max(LEAST_FACTOR, (FULL - this.#cpu) / (FULL - HOT)));
    const most = Math.max(1, (mostPassed * leastMs) / BUCKET_MS) * factor;
    return this.#meanFlying > most && this.#flying > most;
  }
}

export const goZero: Policy =
  () =>
  ({ loop }) => {
    const shedder = new Shedder(loop);
    return { gate: () => shedder, beat: () => shedder.readCpu() };
  };
