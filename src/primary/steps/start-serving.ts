// Step 3, serve: the data plane, the registry, the threads and the admin plane. Workers serve as soon as they
// listen; routes that need a database respond 503 STARTING until it is migrated.
import { heapLimits } from '../../cluster/heap-limits.js';
import { watchHeaps } from '../../cluster/heap-watch.js';
import { rebalance } from '../../cluster/rebalance.js';
import type { Sharding } from '../../cluster/sharding.js';
import { oldGenerationLimit } from '../../config/heap-limit.js';
import type { Settings } from '../../config.js';
import { shownHost } from '../../process/ready.js';
import type { RegistrySync } from '../../registry/backends/registry-sync.js';
import type { Registry } from '../../registry/registry.js';
import { schemeOf } from '../../server/certificate.js';
import { takeCensus } from '../../server/connections/connection-census.js';
import type { ShareLoop } from '../../shares/share-loop.js';
import { watchEjections } from '../../upstream/ejection-watch.js';
import { AdminPlane } from '../admin-plane-server.js';
import { adminRoutes } from '../admin-routes.js';
import type { BootState } from '../boot-state.js';
import { checkedRegistry, joinSharedRegistry, registryAddresses } from '../common-registry.js';
import { addressOf, openDataPlane } from '../data-plane.js';
import { drainOrder } from '../drain-order.js';
import { keepFlightRecord } from '../flight-record-file.js';
import { GrpcInstances } from '../grpc-instances.js';
import { shareLimits } from '../limit-shares.js';
import { startExport } from '../otlp-export.js';
import { Readiness } from '../readiness.js';
import { advertisedHost, createRegistry, registerServices } from '../registering.js';
import { SagaJournals } from '../saga-journals.js';
import { sampleRoutes } from '../sample-routes.js';
import { createThreads, type Threads } from '../worker-threads.js';
import type { Owned } from './claim-ownership.js';
import type { Base } from './open-shared-memory.js';

/** The parts that serve. */
export interface Serving {
  readonly dataPlane: Sharding;
  readonly registry: Registry;
  /** undefined when no service declares gRPC. */
  readonly grpc: GrpcInstances | undefined;
  readonly threads: Threads;
  readonly readiness: Readiness;
  readonly journals: SagaJournals;
  /** undefined when the registry allows no limits over several processes. */
  readonly limitShares: ShareLoop | undefined;
  readonly adminPlane: AdminPlane;
  readonly openAdminPlane: () => Promise<void>;
}

/** @throws StartError for an address that cannot be listened on, or a certificate that cannot be used */
export async function startServing(boot: BootState, base: Base, owned: Owned): Promise<Serving> {
  const { lifecycle, ending, processWatch } = boot;
  const { settings, sharedState, databases, switches, services, instanceId, log } = base;
  // HOST is resolved here, and a signal can end the process meanwhile. The HTTP core would resolve it as
  // well, but would block the thread for that time.
  const { host, grpcHost } = settings;
  const bound = await addressOf(host, 'HOST', 'data plane');
  const boundGrpc = grpcHost === undefined ? bound : await addressOf(grpcHost, 'GRPC_HOST', 'gRPC');
  const boundSettings = { ...settings, host: bound, grpcHost: boundGrpc };
  boot.continueUnlessEnding();
  const reachable = await checkedRegistry(settings);
  boot.continueUnlessEnding();
  const dataPlane = await openData(boot, base, boundSettings);
  const adminPlane = new AdminPlane(boot, base);
  const { registry, shared, grpc } = openRegistry(boot, base, reachable, dataPlane.port, adminPlane);
  const limitShares = shareLimits(settings, sharedState, log);
  if (limitShares !== undefined) lifecycle.defer('limit shares', (countdown) => limitShares.close(countdown));
  const ports = () => [dataPlane.port, ...(grpc?.ports ?? [])];
  const stopCensus = takeCensus(sharedState.block, ports, settings.maxConnections, log);
  lifecycle.defer('connection census', stopCensus);
  // It is stopped after the threads, so that their last lines and counts are exported.
  const otlp = startExport(boot, base);
  const threads = createThreads(boot, { base, boundSettings, dataPlane, grpcPorts: grpc });
  keepFlightRecord(boot, base);
  const readiness = new Readiness({
    ...{ switches: sharedState.switches, workers: threads.workers, databases },
    ports: [dataPlane.ports, grpc].filter((ports) => ports !== undefined),
    ...{ registry: shared, limitShares, every: boot.every },
  });
  lifecycle.defer('readiness', () => readiness.stop());
  const { lock } = owned;
  const parts = { dataPlane, registry, readiness, threads, adminPlane, grpc };
  ending.setServing(drainOrder({ base, ending, lock, ...parts }));
  endWhenOwnershipIsLost(boot, base, owned);
  const routeSampler = sampleRoutes(sharedState, boot.every);
  lifecycle.defer('route sampler', () => routeSampler.stop());
  const journals = new SagaJournals(services, { settings, sharedState, instanceId, log });
  lifecycle.defer('saga journals', () => journals.close());

  const openAdminPlane = (): Promise<void> =>
    adminPlane.open(
      adminRoutes({
        ...{ settings, sharedState, switches, registry, shared, readiness, journals, processWatch, log },
        ...{ ...threads, routeSampler },
        withSources: (sources) => otlp.exportMetrics(sources),
        ...{ shownSettings: base.shownSettings, version: base.version },
        services: services.map(({ name }) => name),
        dataPlane: `${schemeOf(settings)}://${shownHost(settings.host)}:${dataPlane.port}`,
      }),
    );
  // Beside a predecessor, the admin plane opens later: until this process is ready, the predecessor has it,
  // and reports on both processes.
  if (!boot.isBesidePredecessor) await openAdminPlane();
  boot.continueUnlessEnding();
  // Beside a predecessor, the workers start later, once the databases are migrated: the predecessor serves
  // all requests until then, and none gets a 503 STARTING.
  if (!boot.isBesidePredecessor) threads.workers.start();
  watchWorkers(boot, base, threads, dataPlane);
  lifecycle.defer('database probes', () => databases.stopWatching());
  return { ...parts, journals, limitShares, openAdminPlane };
}

async function openData(
  { every, lifecycle, sharing }: BootState,
  base: Base,
  bound: Settings,
): Promise<Sharding> {
  const { sharedState, log } = base;
  const dataPlane = await openDataPlane(bound, sharing, sharedState.block, log, every);
  lifecycle.defer('data plane', () => dataPlane.close());
  return dataPlane;
}

/** The registry with the services of this process in it. Its gRPC workers join when they listen. */
function openRegistry(
  { every, lifecycle, sharing }: BootState,
  base: Base,
  settings: Settings,
  dataPort: number,
  adminPlane: Pick<AdminPlane, 'port'>,
): Pick<Serving, 'registry' | 'grpc'> & { readonly shared: RegistrySync | undefined } {
  const { services, grpcWorkers, sharedState, instanceId, databases, log } = base;
  const { host, grpcHost = host, advertiseHost } = settings;
  const guarded = () => [
    { host: settings.adminHost, port: adminPlane.port },
    ...databases.addresses,
    ...registryAddresses(settings),
    ...(grpc?.ports ?? []).map((port) => ({ host: grpcHost, port })),
  ];
  const options = { settings, sharedState, instanceId, guarded, log };
  const registry = createRegistry(options);
  base.setRegistry(registry);
  lifecycle.defer('registry', () => registry.close());
  lifecycle.defer('ejections', watchEjections(sharedState.ejections, registry, every));
  registerServices(registry, services, settings, dataPort);
  const shared = joinSharedRegistry(registry, settings, base, log);
  if (shared !== undefined) lifecycle.defer('shared registry', (countdown) => shared.close(countdown));
  const grpc =
    grpcWorkers === 0
      ? undefined
      : new GrpcInstances({
          ...{ registry, services, settings, sharing, log },
          firstWorker: settings.workers + 1,
          count: grpcWorkers,
          host: advertisedHost({ advertiseHost, host: grpcHost }),
        });
  return { registry, shared, grpc };
}

/** Ends the process when another one has taken its DATA_DIR or its slot of pm2 without a hand-over. */
function endWhenOwnershipIsLost({ ending }: BootState, base: Base, { lock, embeddedServer }: Owned): void {
  lock?.onOwnershipLost((why) => {
    embeddedServer.discard();
    const folder = base.databases.needsEmbedded ? `DATA_DIR ${base.settings.dataDir}` : 'the pm2 slot';
    void ending.fail(`${folder} is not ours any more: ${why}`, 70);
  });
}

function watchWorkers(
  { every, lifecycle }: BootState,
  { settings, sharedState, log }: Base,
  { supervisor, workers }: Threads,
  sharding: Sharding,
): void {
  const { block } = sharedState;
  const { maxConnections, workerHeapMb } = settings;
  const limits = heapLimits(workerHeapMb, oldGenerationLimit());
  lifecycle.defer('heap watch', watchHeaps({ supervisor: workers, block, limits, log, every }));
  lifecycle.defer('rebalancing', rebalance({ supervisor, block, sharding, maxConnections }, every));
}
