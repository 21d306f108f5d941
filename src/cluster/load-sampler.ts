// Each worker's heartbeat, and how busy its loop is and how much heap it uses. The heartbeat is a timer: when it
// stops, the loop stands still.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Clock } from '../memory/clock.js';
import type { WorkerRow } from '../memory/worker-row.js';
import { startHeapSampler } from './heap-sampler.js';

/** Also how late a standing loop is noticed. 20 wake-ups a second cost less than a thousandth of a core. */
export const BEAT_MS = 50;
const REPORT_BEATS = 5;
const SAMPLE_BEATS = 20;

/** @param heapLimitMb WORKER_HEAP_MB */
export function startLoadSampler(row: WorkerRow, clock: Clock, heapLimitMb: number): { stop(): void } {
  const heap = startHeapSampler(row, heapLimitMb);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let before = performance.eventLoopUtilization();
  let beats = 0;
  let load = { utilization: 0, delayP99Us: 0 };
  const sample = (): void => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    load = {
      utilization,
      // The histogram counts the timer's own 10 ms as delay.
      delayP99Us: Math.max(0, delay.percentile(99) / 1000 - 10_000),
    };
    delay.reset();
  };
  const beat = (): void => {
    row.beat(clock());
    heap.sample();
    if (beats % SAMPLE_BEATS === 0) sample();
    if (beats % REPORT_BEATS === 0) row.report(load);
    beats++;
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  return {
    stop: () => {
      clearInterval(timer);
      delay.disable();
      heap.stop();
    },
  };
}
