// Each worker's heartbeat, and how busy its loop is, how late its timers are and how much heap it uses. All
// of it hangs on one timer: when that stops, the loop stands still, and how late it is shows how long the
// loop was held up.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../memory/clock.js';
import type { WorkerRow } from '../memory/worker-row.js';
import { startHeapSampler } from './heap-sampler.js';

/** Also how late a standing loop is noticed. 20 wake-ups a second cost less than a thousandth of a core. */
export const BEAT_MS = 50;
const REPORT_BEATS = 5;
const SAMPLE_BEATS = 20;
/** This share of the last beats was at most as late as is reported. */
const QUANTILE = 0.99;
/** Five seconds; of fewer beats the quantile would be the largest one. */
const KEPT_BEATS = 100;

/**
 * @param heapLimitMb WORKER_HEAP_MB
 * @param onBeat called with every beat
 */
export function startLoadSampler(
  row: WorkerRow,
  clock: Clock,
  heapLimitMb: number,
  onBeat: () => void,
): { stop(): void } {
  const heap = startHeapSampler(row, heapLimitMb);
  let before = performance.eventLoopUtilization();
  let beats = 0;
  let dueAt = clock();
  const lateMs: number[] = [];
  let load = { utilization: 0, delayP99Us: 0 };
  const sample = (): void => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    load = { utilization, delayP99Us: quantile(lateMs, QUANTILE) * 1000 };
  };
  const beat = (): void => {
    const now = clock();
    row.beat(now);
    heap.sample();
    lateMs[beats % KEPT_BEATS] = Math.max(0, now - dueAt);
    dueAt = now + BEAT_MS;
    onBeat();
    if (beats % SAMPLE_BEATS === 0) sample();
    if (beats % REPORT_BEATS === 0) row.report(load);
    beats++;
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  return {
    stop: () => {
      clearInterval(timer);
      heap.stop();
    },
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}
