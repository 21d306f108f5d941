// A rule for comparison that we have made ourselves: additive increase and multiplicative decrease of the
// requests in flight, with the delay of the event loop as the sign of congestion.
import type { LoopSignals } from '#src/resilience/loop-signals.js';
import type { LimitRule } from './in-flight-limit.js';

const BEAT_MS = 50;
const LATE_MS = 30;
const [LEAST, MOST] = [4, 10_000];

export class LoopDelay implements LimitRule {
  limit = 100;
  #dueAt = 0;
  #lateMs = 0;
  #beats = 0;

  left(): void {}

  beat(loop: LoopSignals, inFlight: number): void {
    const now = loop.now();
    this.#lateMs = Math.max(this.#lateMs, now - this.#dueAt);
    this.#dueAt = now + BEAT_MS;
    if (++this.#beats % 2 === 1) return;
    if (this.#lateMs > LATE_MS) this.limit = Math.min(this.limit, inFlight) * 0.7;
    else if (inFlight >= this.limit * 0.8) this.limit += 4;
    this.limit = Math.min(MOST, Math.max(LEAST, this.limit));
    this.#lateMs = 0;
  }
}
