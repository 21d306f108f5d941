// A limit of requests in flight per worker, as the rules in the field have it. Each rule below moves it in its own way;
// their constants are those of their authors. Limits start at 100 and end at 10,000.
import type { GateContext, ModelGate, Policy } from './gate.js';

/** What happened in one window of 100 ms. */
export interface InFlightWindow {
  readonly nowMs: number;
  readonly elapsedMs: number;
  readonly latencies: readonly number[];
  readonly inFlight: number;
  readonly busyMs: number;
  /** How late the timer that ends the window was: the delay of the loop. */
  readonly lateMs: number;
}

export type LimitRule = (limit: number, window: InFlightWindow) => number;

const [FIRST, LEAST, MOST] = [100, 4, 10_000];
const BEAT_MS = 50;

export const inFlightLimit =
  (makeRule: () => LimitRule): Policy =>
  () =>
  (context) =>
    gateOf(context, makeRule());

function gateOf({ loop }: GateContext, rule: LimitRule): ModelGate {
  let limit = FIRST;
  let inFlight = 0;
  let latencies: number[] = [];
  let [since, slept, beats] = [0, 0, 0];
  let dueAt = 0;
  let lateMs = 0;
  return {
    door: () => ({
      holdMs: 0,
      enter() {
        if (inFlight >= limit) return false;
        inFlight++;
        return true;
      },
      leave(latencyMs) {
        inFlight--;
        latencies.push(latencyMs);
      },
    }),
    beat() {
      const now = loop.now();
      lateMs = Math.max(lateMs, now - dueAt);
      dueAt = now + BEAT_MS;
      if (++beats % 2 === 1) return;
      const elapsedMs = now - since;
      const busyMs = elapsedMs - (loop.sleptMs() - slept);
      const window = { nowMs: now, elapsedMs, latencies, inFlight, busyMs, lateMs };
      limit = Math.min(MOST, Math.max(LEAST, rule(limit, window)));
      [since, slept, latencies, lateMs] = [now, loop.sleptMs(), [], 0];
    },
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

/** Netflix concurrency-limits, Gradient2Limit: the long-term mean latency by the one of now, times a tolerance. */
export function gradient(): LimitRule {
  const [tolerance, smoothing, queue] = [1.5, 0.2, 4];
  let longTerm: number | undefined;
  return (limit, { latencies, inFlight }) => {
    if (latencies.length === 0) return limit;
    const short = mean(latencies);
    longTerm = longTerm === undefined ? short : longTerm + (short - longTerm) / 60;
    if (longTerm / short > 2) longTerm *= 0.95;
    // As the original: a limit that is not used says nothing.
    if (inFlight < limit / 2) return limit;
    const ratio = Math.max(0.5, Math.min(1, (tolerance * longTerm) / short));
    return limit * (1 - smoothing) + (limit * ratio + queue) * smoothing;
  };
}

/** Netflix concurrency-limits, VegasLimit: the queue is what the smallest latency ever seen does not explain. */
export function vegas(): LimitRule {
  let least = Number.POSITIVE_INFINITY;
  let samples = 0;
  return (limit, { latencies, inFlight }) => {
    if (latencies.length === 0) return limit;
    samples += latencies.length;
    // The original probes for a new minimum after 30 x limit samples.
    if (samples > 30 * limit) {
      least = Number.POSITIVE_INFINITY;
      samples = 0;
    }
    const smallest = latencies.reduce((a, b) => Math.min(a, b));
    least = Math.min(least, smallest);
    if (inFlight * 2 < limit) return limit;
    const queue = limit * (1 - least / mean(latencies));
    const log = Math.max(1, Math.log10(limit));
    if (queue < log) return limit + 6 * log;
    if (queue < 3 * log) return limit + log;
    return queue > 6 * log ? limit - log : limit;
  };
}

/** AIMD on requests in flight, with the delay of the loop as the congestion signal (TCP with ECN). */
export function loopDelay(): LimitRule {
  return (limit, { lateMs, inFlight }) => {
    if (lateMs > 30) return Math.min(limit, inFlight) * 0.7;
    return inFlight >= limit * 0.8 ? limit + 4 : limit;
  };
}

/**
 * go-zero's adaptive shedder: while the thread is over 90 % busy, what is in flight may not exceed the best rate of the
 * last seconds times the least mean latency.
 */
export function goZero(): LimitRule {
  const windows: { readonly rate: number; readonly meanMs: number }[] = [];
  return (_limit, { latencies, elapsedMs, busyMs }) => {
    if (latencies.length > 0) {
      windows.push({ rate: latencies.length / elapsedMs, meanMs: mean(latencies) });
      if (windows.length > 50) windows.shift();
    }
    if (busyMs / elapsedMs < 0.9 || windows.length === 0) return MOST;
    const best = Math.max(...windows.map(({ rate }) => rate));
    return best * Math.min(...windows.map(({ meanMs }) => meanMs));
  };
}
