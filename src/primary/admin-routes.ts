// The routes of the admin plane, with what they read and change.
import type { Logger } from 'pino';
import type { AdminRoute } from '../admin/admin-route.js';
import { breakerRoutes } from '../admin/breaker-routes.js';
import { CpuThreadsSwitch } from '../admin/cpu-threads-switch.js';
import { dashboardRoutes } from '../admin/dashboard-files.js';
import { EventTopics } from '../admin/event-topics.js';
import { flightsRoute } from '../admin/flights-route.js';
import { limitsRoute } from '../admin/limits-route.js';
import { MCP_WITHOUT_TOKEN, mcpRoute } from '../admin/mcp/mcp-route.js';
import type { OperatorSwitches } from '../admin/operator-switches.js';
import { localShadowing, registryRoutes } from '../admin/registry-routes.js';
import { sagaRoutes } from '../admin/saga-routes.js';
import { switchRoutes } from '../admin/switch-routes.js';
import { telemetryRoutes } from '../admin/telemetry-routes.js';
import { traceRoutes } from '../admin/trace-routes.js';
import { Views, viewRoutes, viewTopics } from '../admin/view-routes.js';
import type { CpuShares } from '../admin/views/cpu-view.js';
import { workerRoutes } from '../admin/worker-routes.js';
import type { AllWorkers } from '../cluster/all-workers.js';
import type { RollingReload } from '../cluster/rolling-reload.js';
import type { ShownSetting } from '../config/print.js';
import type { Settings } from '../config.js';
import type { TaskPool } from '../cpu/task-pool.js';
import type { RegistrySync } from '../registry/backends/registry-sync.js';
import type { Registry } from '../registry/registry.js';
import { type MetricSource, sharedMemorySource } from '../telemetry/metric-families.js';
import type { ProcessWatch } from '../telemetry/process-watch.js';
import { Exposition } from '../telemetry/prometheus.js';
import type { RouteSampler } from '../telemetry/route-sampler.js';
import { TraceStore } from '../telemetry/trace-store.js';
import { type BreakerOwners, withNamedBreakers } from '../upstream/breaker-owners.js';
import { adminViews } from './admin-views.js';
import type { SharedState } from './create-shared-state.js';
import {
  breakerSource,
  cpuSource,
  heldSource,
  registrySource,
  routeCpuSource,
  sagaSource,
  workerSource,
} from './metric-sources.js';
import type { Readiness } from './readiness.js';
import type { SagaJournals } from './saga-journals.js';

export interface AdminRouteDeps {
  readonly settings: Settings;
  /** All settings as operators read them. */
  readonly shownSettings: readonly ShownSetting[];
  /** The version of Multilane. */
  readonly version: string;
  /** Names of the mounted services. */
  readonly services: readonly string[];
  /** The address of the data plane. */
  readonly dataPlane: string;
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
  readonly routeSampler: RouteSampler;
  readonly log: Logger;
  /** Gets the sources of all metrics, which are exported beside the page. */
  readonly withSources: (sources: readonly MetricSource[]) => void;
}

/** The shares of routes by method and template, as the views name them. */
const sharesByName = (sampler: RouteSampler): CpuShares => ({
  shares: sampler
    .shares()
    .map(({ method, route, ratio }) => ({ route: method === '' ? route : `${method} ${route}`, ratio })),
  areAll: sampler.areAllRoutesNamed,
});

function metricSources(parts: AdminRouteDeps, guarded: BreakerOwners): readonly MetricSource[] {
  const { block, series, board, clock } = parts.sharedState;
  return [
    sharedMemorySource(block, series, clock),
    heldSource(block),
    workerSource(parts.workers, block),
    cpuSource(parts.cpu),
    routeCpuSource(parts.routeSampler),
    registrySource(parts.registry, parts.shared),
    breakerSource(guarded, board),
    sagaSource(parts.journals),
  ];
}

const recentTraces = ({ sharedState: { spans }, switches }: AdminRouteDeps): readonly AdminRoute[] =>
  traceRoutes({
    store: new TraceStore(spans),
    templateOf: (path) => switches.declaredRoutes.find((one) => one.path === path)?.template,
    sampling: () => switches.sampling,
  });

export function adminRoutes(parts: AdminRouteDeps): readonly AdminRoute[] {
  const { settings, sharedState, switches, workers, reload, registry, cpu, readiness, journals } = parts;
  const { clock, load, named, board, ejections, recorder } = sharedState;
  const owners = {
    services: () => registry.services(),
    instances: (service: string) => registry.placesOf(service),
  };
  const guarded = withNamedBreakers(owners, () => named.list());
  const skipped = recorder.counter('multilane_samples_skipped_total', { sampler: 'process_metrics' });
  const sources = metricSources(parts, guarded);
  parts.withSources(sources);
  const limits = limitsRoute(settings, sharedState, workers);
  const viewed = adminViews({ ...parts, cpuShares: () => sharesByName(parts.routeSampler) });
  const views = new Views(viewed);
  const events = new EventTopics({
    topics: viewTopics(viewed, views, limits.read),
    usual: ['overview'],
    failed: (topic, err) => parts.log.warn({ topic, err }, 'a topic of /events could not be computed'),
  });
  const routes: readonly AdminRoute[] = [
    ...telemetryRoutes({
      exposition: new Exposition(sources, { watch: parts.processWatch, skipped: () => skipped.add() }),
      sources,
      workers: viewed.workers,
      readiness: () => readiness.verdict(),
    }),
    ...workerRoutes(workers, reload),
    flightsRoute(workers, sharedState),
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
    ...breakerRoutes(guarded, board, () => ({ clockMs: clock(), wallMs: viewed.wallClock() })),
    limits.route,
    ...viewRoutes(viewed, views),
    events.route(),
    ...dashboardRoutes(),
    ...switchRoutes(
      switches,
      new CpuThreadsSwitch({
        setting: settings.cpuThreads,
        resize: (threads) => cpu.resize(threads),
      }),
    ),
    ...recentTraces(parts),
    ...sagaRoutes(() => journals.operator()),
  ];
  // An assistant passes on what it reads, so the endpoint exists only where an operator has set a token.
  if (settings.adminToken === undefined) return [...routes, ...MCP_WITHOUT_TOKEN];
  return [...routes, mcpRoute({ routes, version: parts.version, recorder })];
}
