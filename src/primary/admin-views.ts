// What the views of the admin plane are made from: shared memory, the registry, the threads and the settings.
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { OperatorSwitches } from '../admin/operator-switches.js';
import { lookAtFleet } from '../admin/views/fleet.js';
import type { SaturationFacts } from '../admin/views/saturation.js';
import { TrafficWatch } from '../admin/views/traffic-watch.js';
import type { ViewSources } from '../admin/views/view-sources.js';
import { workerList } from '../admin/worker-list.js';
import type { AllWorkers } from '../cluster/all-workers.js';
import { heapLimits } from '../cluster/heap-limits.js';
import { oldGenerationLimit } from '../config/heap-limit.js';
import type { Settings } from '../config.js';
import type { TaskPool } from '../cpu/task-pool.js';
import { AdmissionCells, readInFlight } from '../memory/admission-cells.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import type { QuotaName } from '../memory/layout.js';
import { openConnections } from '../memory/open-connections.js';
import { QuotaCells } from '../memory/quota-cells.js';
import { readWorker } from '../memory/worker-row.js';
import type { RegistrySync } from '../registry/backends/registry-sync.js';
import type { Registry } from '../registry/registry.js';
import { routeKey } from '../server/kill-switch.js';
import { isServiceName } from '../service-name.js';
import { sourceFile } from '../source-file.js';
import { eachInTurns } from '../telemetry/pace.js';
import { namedBreakerOwner } from '../upstream/breaker-owners.js';
import type { SharedState } from './create-shared-state.js';
import type { Readiness } from './readiness.js';
import type { SagaJournals } from './saga-journals.js';

export interface AdminViewDeps {
  readonly settings: Settings;
  readonly shownSettings: ViewSources['settings'];
  /** The version of Multilane. */
  readonly version: string;
  /** Names of the mounted services. */
  readonly services: readonly string[];
  /** The address of the data plane. */
  readonly dataPlane: string;
  readonly sharedState: SharedState;
  readonly switches: Pick<OperatorSwitches, 'routes' | 'declaredRoutes' | 'templateOf' | 'logLevel'>;
  readonly workers: AllWorkers;
  readonly registry: Pick<Registry, 'services' | 'views'>;
  /** undefined: no registry is shared. */
  readonly shared: Pick<RegistrySync, 'outage'> | undefined;
  readonly cpu: TaskPool;
  readonly readiness: Pick<Readiness, 'verdict'>;
  readonly journals: Pick<SagaJournals, 'countNeedingAttention'>;
  readonly cpuShares?: ViewSources['cpuShares'];
}

export function adminViews(deps: AdminViewDeps): ViewSources {
  const { settings, sharedState, switches, workers, registry, cpu, readiness, journals } = deps;
  const { block, clock, series, names, board, named } = sharedState;
  const wallClock = Date.now;
  const totals = () => ({ multilane_cpu_tasks_refused_total: cpu.refused });
  const traffic = new TrafficWatch({ memory: series, totals });
  traffic.begin();
  return {
    traffic,
    process: {
      service: settings.otel.serviceName,
      version: deps.version,
      pid: process.pid,
      node: process.version,
      host: hostname(),
      folder: settings.configFile === undefined ? process.cwd() : dirname(sourceFile(settings.configFile)),
      startedMs: wallClock() - process.uptime() * 1000,
    },
    uptimeS: () => process.uptime(),
    wallClock,
    clock,
    readiness: () => readiness.verdict(),
    workers: () => workerList(workers, block, series, clock, names),
    statuses: () => workers.statuses,
    saturation: saturationFacts(deps),
    lookAtFleet: () =>
      lookAtFleet({
        registry,
        namedBreakers: () =>
          named.list().flatMap(({ slot, name }) => {
            const { service, id: instance } = namedBreakerOwner(name)!;
            return isServiceName(service) ? [{ service, instance, slot }] : [];
          }),
        breakers: board,
      }),
    breakers: board,
    database: () => DatabaseBudget.usage(block, clock),
    cpu,
    cpuShares: deps.cpuShares,
    registryOutage: () => deps.shared?.outage,
    routes: () => switches.routes,
    templateOf: (method, route) => switches.templateOf(method, route),
    routesInFlight: routesInFlight(deps),
    logLevel: () => switches.logLevel,
    countSagas: (most) => journals.countNeedingAttention(most),
    mounted: new Set(deps.services),
    dataPlane: () => deps.dataPlane,
    settings: deps.shownSettings,
  };
}

function saturationFacts({
  settings,
  sharedState: { block, clock },
  workers,
  cpu,
}: AdminViewDeps): () => SaturationFacts {
  const connections = openConnections(block);
  const held = (name: QuotaName): number => new QuotaCells(block, 0, name).held;
  const heapLimitBytes = heapLimits(settings.workerHeapMb, oldGenerationLimit())?.softBytes;
  return () => {
    return {
      inFlight: { used: readInFlight(block), limit: settings.maxInFlight },
      workers: workers.threads.map(({ slot }) => readWorker(block, slot, clock())),
      heapLimitBytes,
      connections: { used: connections(), limit: settings.maxConnections },
      cpuThreads: { used: cpu.running, limit: cpu.threads },
      cpuQueue: { used: cpu.queueLength, limit: cpu.queueLimit },
      mostDatabaseConnections: DatabaseBudget.usage(block, clock).most,
      pendingBodies: { used: held('bodies'), limit: settings.maxPendingBodies },
      bufferedBodies: { used: held('bodyBytes'), limit: settings.maxBufferedBodyBytes },
      openStreams: { used: held('streams'), limit: settings.maxStreams },
    };
  };
}

/** Requests are counted by the path as it was declared; routes are shown by their template. */
function routesInFlight({
  sharedState: { block },
  switches,
}: AdminViewDeps): () => Promise<ReadonlyMap<string, number | null>> {
  const admission = new AdmissionCells(block, 0);
  return async () => {
    const byTemplate = new Map<string, number | null>();
    if (admission.inFlight === 0) return byTemplate;
    const inFlightOf = admission.inFlightByRoute();
    await eachInTurns(switches.declaredRoutes, ({ service, method, path, template }) => {
      const inFlight = inFlightOf(`${service} ${method} ${path}`);
      if (inFlight === 0) return;
      const key = routeKey(method, template);
      const before = byTemplate.get(key);
      byTemplate.set(key, inFlight === null || before === null ? null : (before ?? 0) + inFlight);
    });
    return byTemplate;
  };
}
