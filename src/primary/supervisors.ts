// The supervisors of the workers: one for HTTP, and one for gRPC where a service declares it.
import { AllWorkers } from '../cluster/all-workers.js';
import type { Sharding } from '../cluster/sharding.js';
import { Supervisor } from '../cluster/supervisor.js';
import { grpcGroup, httpGroup, type WorkerGroup, type WorkerKind } from '../cluster/worker-group.js';
import type { WorkerPorts } from '../cluster/worker-ports.js';
import { rowsFor } from '../cluster/worker-rows.js';
import { KEPT_FILES } from '../config/connection-limit.js';
import type { Settings } from '../config.js';
import type { TaskPool } from '../cpu/task-pool.js';
import { reclaimSlot } from '../memory/reclaim-slot.js';
import { canOpen } from '../open-files.js';
import { routeKey, type SwitchableRoute, switchableRoutesIn } from '../server/kill-switch.js';
import type { flightRecordLog } from '../telemetry/flight-record-log.js';
import type { BootState } from './boot-state.js';
import type { Base } from './steps/open-shared-memory.js';
import { GRPC_WORKER, HTTP_WORKER } from './thread-entries.js';

export interface Supervisors {
  /** The HTTP workers. */
  readonly supervisor: Supervisor;
  /** All workers, those of gRPC included. */
  readonly workers: AllWorkers;
}

export interface SupervisorsOptions {
  readonly base: Base;
  /** The settings with HOST and GRPC_HOST resolved to the addresses on which the process listens. */
  readonly boundSettings: Settings;
  readonly dataPlane: Sharding;
  /** The ports of the gRPC workers; undefined when no service declares gRPC. */
  readonly grpcPorts: WorkerPorts | undefined;
  readonly cpu: Pick<TaskPool, 'attach'>;
  readonly logFlightRecord: ReturnType<typeof flightRecordLog>;
}

/** Creates the supervisors of both kinds. No worker runs before `workers.start()`. */
export function createSupervisors(
  { earlyThreads, ending }: BootState,
  { base, boundSettings, dataPlane, grpcPorts, cpu, logFlightRecord }: SupervisorsOptions,
): Supervisors {
  const { settings, grpcWorkers, sharedState, switches, output, instanceId, log } = base;
  const { block, series, spans, recorder } = sharedState;
  const knownRoutes = routesOfGroups((routes) => switches.setKnownRoutes(routes));
  const supervisors: Supervisor[] = [];
  const supervise = (group: WorkerGroup): Supervisor => {
    const supervisor: Supervisor = new Supervisor({
      group,
      settings: boundSettings,
      block,
      series,
      spans,
      instanceId,
      log,
      openThreadLog: () => output.openThreadLog(),
      attachCpu: (port) => cpu.attach(port),
      reclaim: (slot) => reclaimSlot(sharedState, slot),
      logFlightRecord,
      isShortOfFiles: () => !canOpen(KEPT_FILES),
      restarted: (reason) => recorder.counter('multilane_worker_restarts_total', { reason }).add(),
      routesReported: knownRoutes(group.kind),
      fatal: (message, exitCode) => void ending.fail(message, exitCode),
      othersServe: () => supervisors.some((other) => other !== supervisor && other.serves),
      exhausted: (message) => void ending.failAfterDrain(message),
      ...(group.kind === 'http' && {
        takeEarlyThread: (worker) =>
          earlyThreads.take(worker, (err) => {
            log.warn(
              { worker, err },
              'the first thread of a worker ended before it was used; another one starts',
            );
          }),
      }),
    });
    supervisors.push(supervisor);
    return supervisor;
  };
  const supervisor = supervise(
    httpGroup({
      entry: HTTP_WORKER,
      workers: settings.workers,
      httpCore: settings.httpCore,
      sharding: dataPlane,
    }),
  );
  if (grpcPorts === undefined) return { supervisor, workers: new AllWorkers(supervisors) };
  supervise(
    grpcGroup({
      entry: GRPC_WORKER,
      count: grpcWorkers,
      firstWorker: settings.workers + 1,
      firstRow: rowsFor(settings.workers) + 1,
      ports: grpcPorts,
    }),
  );
  return { supervisor, workers: new AllWorkers(supervisors) };
}

/** Threads of both kinds report their routes; those of gRPC have its methods as well. */
function routesOfGroups(
  report: (routes: readonly SwitchableRoute[]) => void,
): (kind: WorkerKind) => (routes: unknown) => void {
  const known: Partial<Record<WorkerKind, readonly SwitchableRoute[]>> = {};
  return (kind) => (routes) => {
    known[kind] = switchableRoutesIn(routes);
    const all = Object.values(known).flat();
    report([...new Map(all.map((route) => [routeKey(route.method, route.template), route])).values()]);
  };
}
