// The threads of this process, HTTP workers and CPU pool, with what watches over them.
import { RollingReload } from '../cluster/rolling-reload.js';
import type { Sharding } from '../cluster/sharding.js';
import { Supervisor } from '../cluster/supervisor.js';
import { KEPT_FILES } from '../config/connection-limit.js';
import type { Settings } from '../config.js';
import { TaskPool } from '../cpu/task-pool.js';
import { sweepHourly } from '../memory/hourly-sweep.js';
import { watchPermits } from '../memory/lost-permits.js';
import { reclaimSlot } from '../memory/reclaim-slot.js';
import { canOpen } from '../open-files.js';
import { switchableRoutesIn } from '../server/kill-switch.js';
import { flightRecordLog } from '../telemetry/flight-record-log.js';
import type { BootState } from './boot-state.js';
import { cpuMetrics } from './cpu-metrics.js';
import { watchStalls } from './stall-watch.js';
import type { Base } from './steps/open-shared-memory.js';
import { sharedStateSweep } from './sweep.js';
import { HTTP_WORKER, TASK_WORKER } from './thread-entries.js';

/** Longest wait for CPU tasks at the end. All workers have drained by then, so no request waits for one. */
const CPU_CLOSE_MS = 200;

/** The least heap of a CPU thread in MiB, however small that of the workers is. */
const LEAST_CPU_HEAP_MB = 64;

/** The heap of a CPU thread in MiB: as much as a worker may retain; 0: the limit of V8. */
const cpuHeapMb = (workerHeapMb: number): number =>
  workerHeapMb === 0 ? 0 : Math.max(LEAST_CPU_HEAP_MB, workerHeapMb);

export interface Threads {
  readonly cpu: TaskPool;
  readonly supervisor: Supervisor;
  readonly reload: RollingReload;
}

/**
 * Creates what starts and watches the threads. No worker runs before `supervisor.start()`.
 * @param boundSettings the settings with HOST resolved to the address on which the data plane listens
 */
export function createThreads(
  { earlyThreads, ending, every, lifecycle }: BootState,
  base: Base,
  boundSettings: Settings,
  dataPlane: Sharding,
): Threads {
  const { settings, sharedState, switches, output, instanceId, log } = base;
  const { block, series, recorder } = sharedState;
  const cpu = new TaskPool({
    threads: settings.cpuThreads,
    entry: TASK_WORKER,
    heapMb: cpuHeapMb(settings.workerHeapMb),
    observer: cpuMetrics(recorder),
    log,
  });
  lifecycle.defer('CPU pool', () => cpu.close({ withinMs: CPU_CLOSE_MS }));
  const logFlightRecord = flightRecordLog(sharedState, log);
  const supervisor: Supervisor = new Supervisor({
    entry: HTTP_WORKER,
    settings: boundSettings,
    takeEarlyThread: (worker) =>
      earlyThreads.take(worker, (err) => {
        log.warn(
          { worker, err },
          'the first thread of a worker ended before it was used; another one starts',
        );
      }),
    block,
    series,
    sharding: dataPlane,
    instanceId,
    log,
    openThreadLog: () => output.openThreadLog(),
    attachCpu: (port) => cpu.attach(port),
    reclaim: (slot) => reclaimSlot(sharedState, slot),
    logFlightRecord,
    isShortOfFiles: () => !canOpen(KEPT_FILES),
    restarted: (reason) => recorder.counter('multilane_worker_restarts_total', { reason }).add(),
    routesReported: (routes) => switches.setKnownRoutes(switchableRoutesIn(routes)),
    fatal: (message, exitCode) => void ending.fail(message, exitCode),
    exhausted: (message) => void ending.failAfterDrain(message),
  });
  lifecycle.defer(
    'stall watch',
    watchStalls({ settings, sharedState, supervisor, log, every, logFlightRecord }),
  );
  lifecycle.defer('sweep', sweepHourly(sharedStateSweep(sharedState)));
  lifecycle.defer('lost permits', watchPermits(block, recorder.gauge('multilane_permits_unsettled'), log));
  return { cpu, supervisor, reload: new RollingReload(supervisor, log) };
}
