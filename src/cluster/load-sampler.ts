// Publishes the heartbeat of this worker, and how busy its event loop is, how late its timers are and how
// much heap it uses. One timer does all of it: no heartbeat means that the loop is stalled, and the delay of
// the timer is the time for which the loop was occupied.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../memory/clock.js';
import type { WorkerRow } from '../memory/worker-row.js';
import { startHeapSampler } from './heap-sampler.js';

/**
 * The interval of heartbeats. A stall may be noticed this much later. 20 wake-ups a second cost less than a
 * thousandth of a core.
 */
export const BEAT_MS = 50;
/** Beats come later while the loop is busy, so these times are measured and not counted in beats. */
const REPORT_MS = 250;
const SAMPLE_MS = 1_000;
/** The delay that is reported is this quantile of the recent beats. */
const QUANTILE = 0.99;
/**
 * The number of beats for the quantile, which are five seconds. With fewer, the quantile would be the
 * maximum.
 */
const KEPT_BEATS = 100;

/**
 * @param heapLimitMb WORKER_HEAP_MB
 * @param onBeat called with every beat
 * @param cpuTimeUs CPU time of this thread, in whole microseconds; undefined when it cannot be read now
 */
export function startLoadSampler(
  row: WorkerRow,
  clock: Clock,
  heapLimitMb: number,
  onBeat: () => void,
  cpuTimeUs: () => number | undefined = activeTimeUs,
): { stop(): void } {
  const heap = startHeapSampler(row, heapLimitMb);
  let before = performance.eventLoopUtilization();
  let beats = 0;
  let dueAt = clock();
  let reportedAt = Number.NEGATIVE_INFINITY;
  let sampledAt = Number.NEGATIVE_INFINITY;
  const lateMs: number[] = [];
  let load = { utilization: 0, delayP99Us: 0 };
  const sample = (): void => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    load = { utilization, delayP99Us: quantile(lateMs, QUANTILE) * 1000 };
  };
  let cpuUs = cpuTimeUs();
  const reportCpu = (): void => {
    const us = cpuTimeUs();
    // After a failed reading the next report covers the time of both.
    if (us === undefined) return;
    if (cpuUs !== undefined && us > cpuUs) row.usedCpu(us - cpuUs);
    cpuUs = us;
  };
  const beat = (): void => {
    const now = clock();
    row.beat(now);
    lateMs[beats % KEPT_BEATS] = Math.max(0, now - dueAt);
    dueAt = now + BEAT_MS;
    onBeat();
    beats++;
    if (isDue(sampledAt, SAMPLE_MS, now)) {
      sampledAt = now;
      sample();
    }
    if (isDue(reportedAt, REPORT_MS, now)) {
      reportedAt = now;
      row.report(load);
      reportCpu();
      heap.sample();
    }
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  return {
    stop: () => {
      clearInterval(timer);
      // What was used since the last report has no other one.
      reportCpu();
      heap.stop();
    },
  };
}

/** A beat that comes a little early does the work, as the next one would be late. */
const isDue = (doneAt: number, everyMs: number, now: number): boolean => now - doneAt > everyMs - BEAT_MS / 2;

/** The time for which the event loop was not idle: about the CPU time unless others use the cores. */
export const activeTimeUs = (): number => Math.round(performance.eventLoopUtilization().active * 1000);

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}
