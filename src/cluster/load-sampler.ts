// Once a second, each worker says how busy its loop is and how much heap it uses. The timer is also the
// heartbeat: when it stops, the loop stands still.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Clock } from '../memory/clock.js';
import type { WorkerRow } from '../memory/worker-row.js';

const BEAT_MS = 250;
const SAMPLE_BEATS = 4;

/** @param connections open sockets of this worker */
export function startLoadSampler(row: WorkerRow, clock: Clock, connections: () => number): { stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let before = performance.eventLoopUtilization();
  let beats = 0;
  let load = { utilization: 0, delayP99Us: 0, heapUsedBytes: process.memoryUsage().heapUsed };
  const beat = (): void => {
    if (beats++ % SAMPLE_BEATS === 0) {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      load = {
        utilization,
        // The histogram counts the timer's own 10 ms as delay.
        delayP99Us: Math.max(0, delay.percentile(99) / 1000 - 10_000),
        heapUsedBytes: process.memoryUsage().heapUsed,
      };
      delay.reset();
    }
    row.beat(clock(), { ...load, connections: connections() });
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  return {
    stop: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}
