// The threads of this process, workers and CPU pool, with what watches over them.
import { RollingReload } from '../cluster/rolling-reload.js';
import { TaskPool } from '../cpu/task-pool.js';
import { sweepHourly } from '../memory/hourly-sweep.js';
import { watchPermits } from '../memory/lost-permits.js';
import { canOpen } from '../open-files.js';
import { flightRecordLog } from '../telemetry/flight-record-log.js';
import type { BootState } from './boot-state.js';
import { cpuMetrics } from './cpu-metrics.js';
import { watchOpenFiles } from './open-files-watch.js';
import { watchStalls } from './stall-watch.js';
import type { Base } from './steps/open-shared-memory.js';
import { createSupervisors, type Supervisors, type SupervisorsOptions } from './supervisors.js';
import { sharedStateSweep } from './sweep.js';
import { TASK_WORKER } from './thread-entries.js';

/** Longest wait for CPU tasks at the end. All workers have drained by then, so no request waits for one. */
const CPU_CLOSE_MS = 200;

/** The least heap of a CPU thread in MiB, however small that of the workers is. */
const LEAST_CPU_HEAP_MB = 64;

/** The heap of a CPU thread in MiB: as much as a worker may retain; 0: the limit of V8. */
const cpuHeapMb = (workerHeapMb: number): number =>
  workerHeapMb === 0 ? 0 : Math.max(LEAST_CPU_HEAP_MB, workerHeapMb);

export interface Threads extends Supervisors {
  readonly cpu: TaskPool;
  readonly reload: RollingReload;
}

export interface ThreadsOptions extends Omit<SupervisorsOptions, 'cpu' | 'logFlightRecord'> {
  readonly base: Base;
}

/** Creates what starts and watches the threads. No worker runs before `workers.start()`. */
export function createThreads(boot: BootState, options: ThreadsOptions): Threads {
  const { every, lifecycle } = boot;
  const { settings, sharedState, log } = options.base;
  const { block, recorder } = sharedState;
  const cpu = new TaskPool({
    threads: settings.cpuThreads,
    entry: TASK_WORKER,
    heapMb: cpuHeapMb(settings.workerHeapMb),
    observer: cpuMetrics(recorder),
    log,
  });
  lifecycle.defer('CPU pool', () => cpu.close({ withinMs: CPU_CLOSE_MS }));
  const logFlightRecord = flightRecordLog(sharedState, log);
  const supervisors = createSupervisors(boot, { ...options, cpu, logFlightRecord });
  const { workers } = supervisors;
  lifecycle.defer(
    'stall watch',
    watchStalls({ settings, sharedState, workers, log, every, logFlightRecord }),
  );
  const exhausted = recorder.counter('multilane_open_files_exhausted_total');
  lifecycle.defer(
    'open files watch',
    watchOpenFiles({ every, log, hasFree: () => canOpen(1), exhausted: () => exhausted.add() }),
  );
  lifecycle.defer('sweep', sweepHourly(sharedStateSweep(sharedState)));
  lifecycle.defer('lost permits', watchPermits(block, recorder.gauge('multilane_permits_unsettled'), log));
  return { ...supervisors, cpu, reload: new RollingReload(workers, log, () => cpu.renew()) };
}
