// The routes of the admin plane, with what they read and change.
import type { Logger } from 'pino';
import type { AdminRoute } from '../admin/admin-route.js';
import { breakerRoutes } from '../admin/breaker-routes.js';
import { CpuThreadsSwitch } from '../admin/cpu-threads-switch.js';
import { limitsRoute } from '../admin/limits-route.js';
import { mcpRoute } from '../admin/mcp/mcp-route.js';
import type { OperatorSwitches } from '../admin/operator-switches.js';
import { localShadowing, registryRoutes } from '../admin/registry-routes.js';
import { sagaRoutes } from '../admin/saga-routes.js';
import { switchRoutes } from '../admin/switch-routes.js';
import { telemetryRoutes } from '../admin/telemetry-routes.js';
import { workerList } from '../admin/worker-list.js';
import { workerRoutes } from '../admin/worker-routes.js';
import type { AllWorkers } from '../cluster/all-workers.js';
import type { RollingReload } from '../cluster/rolling-reload.js';
import { version } from '../config/print.js';
import type { Settings } from '../config.js';
import type { TaskPool } from '../cpu/task-pool.js';
import type { RegistrySync } from '../registry/backends/registry-sync.js';
import type { Registry } from '../registry/registry.js';
import { sharedMemorySource } from '../telemetry/metric-families.js';
import type { ProcessWatch } from '../telemetry/process-watch.js';
import { Exposition } from '../telemetry/prometheus.js';
import { withNamedBreakers } from '../upstream/breaker-owners.js';
import type { SharedState } from './create-shared-state.js';
import { breakerSource, cpuSource, heldSource, registrySource, workerSource } from './metric-sources.js';
import type { Readiness } from './readiness.js';
import type { SagaJournals } from './saga-journals.js';

export interface AdminRouteDeps {
  readonly settings: Settings;
  readonly sharedState: SharedState;
  readonly switches: OperatorSwitches;
  readonly workers: AllWorkers;
  readonly reload: RollingReload;
  readonly registry: Registry;
  /** The connection with a registry that other processes share; undefined: there is none. */
  readonly shared: RegistrySync | undefined;
  readonly cpu: TaskPool;
  readonly readiness: Readiness;
  readonly journals: SagaJournals;
  readonly processWatch: ProcessWatch;
  readonly log: Logger;
}

export function adminRoutes(parts: AdminRouteDeps): readonly AdminRoute[] {
  const { settings, sharedState, switches, workers, reload, registry, cpu, readiness, journals } = parts;
  const { block, series, clock, load, named, board, ejections, recorder } = sharedState;
  const guarded = withNamedBreakers(registry, () => named.list());
  const skipped = recorder.counter('multilane_samples_skipped_total', { sampler: 'process_metrics' });
  const sources = [
    sharedMemorySource(block, series),
    heldSource(block),
    workerSource(workers, block),
    cpuSource(cpu),
    registrySource(registry, parts.shared),
    breakerSource(guarded, board),
  ];
  const routes: readonly AdminRoute[] = [
    ...telemetryRoutes({
      exposition: new Exposition(sources, { watch: parts.processWatch, skipped: () => skipped.add() }),
      sources,
      workers: () => workerList(workers, block, series, clock),
      readiness: () => readiness.verdict(),
    }),
    ...workerRoutes(workers, reload),
    ...registryRoutes(registry, {
      load,
      ejectedForMs(slot) {
        const seen = ejections.state(slot);
        return seen.state === 'ejected' ? seen.leftMs : 0;
      },
      mayShadowLocal: localShadowing({
        acceptTokens: settings.registryAcceptTokensFile !== undefined,
        adminToken: settings.adminToken !== undefined,
      }),
    }),
    ...breakerRoutes(guarded, board),
    limitsRoute(settings, sharedState, workers),
    ...switchRoutes(
      switches,
      new CpuThreadsSwitch({
        setting: settings.cpuThreads,
        resize: (threads) => cpu.resize(threads),
        log: parts.log,
      }),
    ),
    ...sagaRoutes(() => journals.operator()),
  ];
  // An assistant passes on what it reads, so the endpoint exists only where an operator has set a token.
  if (settings.adminToken === undefined) return routes;
  return [...routes, mcpRoute({ routes, version: version(), recorder })];
}
