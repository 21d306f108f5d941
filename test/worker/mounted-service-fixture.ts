// A mounted service without a worker around it.
import type { Logger } from 'pino';
import type { Settings } from '#src/config.js';
import { defineService, type ServiceDefinition, type ServiceDeps } from '#src/index.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { MountedService } from '#src/worker/mounted-service.js';
import type { WorkerContext } from '#src/worker/worker-context.js';

/** A service with a database, as a worker mounts it. It serves nothing. */
export function mounted(
  log: Logger,
  routes: ServiceDefinition['routes'] = () => undefined,
): { readonly deps: ServiceDeps; readonly service: MountedService } {
  const block = Block.create({ workers: 1 });
  DatabaseBudget.configure(block, 1);
  const settings = {
    databaseStatementTimeoutMs: 1_000,
    databasePrepare: 'auto',
    otel: { disabled: true },
  } as unknown as Settings;
  const unused = {} as never;
  const recorder = new SeriesTable(new SeriesMemory().of(1));
  let deps: ServiceDeps | undefined;
  const context: WorkerContext = {
    thread: {
      settings,
      worker: 2,
      slot: 1,
      generation: 1,
      instanceId: 'test',
    },
    block,
    clock: sharedClock(block),
    recorder,
    metrics: serviceMetrics(recorder),
    tracing: initTracing(settings, { worker: 2, instanceId: 'test' }, { log, recorder }),
    log,
    callFrom: () => unused,
    cpu: { tasks: () => unused },
    shared: () => unused,
    openSagasSince: async () => undefined,
    hasFailed: () => false,
    replaceDeps: (_service, given) => {
      deps = given;
      return given;
    },
  };
  const migrations = new URL('./migrations/', import.meta.url);
  const service = new MountedService(defineService({ name: 'ledger', migrations, routes }), context, 0);
  return { deps: deps!, service };
}
