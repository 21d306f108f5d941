// Makes the registry of this process, with its snapshot in shared memory and the rules of who may be
// registered, and registers the process's own services.
import type { Logger } from 'pino';
import { hasDatabase } from '../api/define-service.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import { spareFiles } from '../config/connection-limit.js';
import { openFileLimit } from '../config/open-file-limit.js';
import type { Settings } from '../config.js';
import { MAX_ENDPOINTS, MAX_OF_CLIENTS, MAX_OF_SERVICE, SNAPSHOT_BYTES } from '../memory/layout.js';
import { SnapshotLog } from '../memory/snapshot-log.js';
import { type Address, AddressPolicy } from '../registry/addresses.js';
import { HealthProber } from '../registry/health.js';
import { Registry } from '../registry/registry.js';
import { timers } from '../registry/schedule.js';
import { SlotTable } from '../registry/slot-table.js';
import { changesText, snapshotText } from '../registry/snapshot-text.js';
import { httpProbe } from '../upstream/http-probe.js';
import type { SharedState } from './create-shared-state.js';

/** The log names this many instances that have expired at once. */
const MOST_NAMED = 10;

export interface RegisteringOptions {
  readonly settings: Settings;
  readonly sharedState: SharedState;
  readonly instanceId: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Addresses of this process and its databases, which no instance may be registered with. */
  readonly guarded: () => readonly Address[];
}

export function createRegistry(options: RegisteringOptions): Registry {
  const { settings, sharedState, instanceId, guarded, log } = options;
  const { block, clock, load, breakers, ejections, recorder } = sharedState;
  const snapshots = new SnapshotLog(block);
  const skipped = recorder.counter('multilane_samples_skipped_total', { sampler: 'health_probe' });
  const delayed = recorder.counter('multilane_health_probes_delayed_total');
  return new Registry({
    clock,
    now: () => new Date(),
    schedule: timers,
    publish: (update) => snapshots.publish(changesText(update), () => snapshotText(update)),
    slots: new SlotTable(
      MAX_ENDPOINTS,
      clock,
      (slot) => {
        load.reset(slot);
        breakers.reset(slot);
        ejections.reset(slot);
      },
      (slot) => load.inFlight(slot) === 0,
    ),
    ejections,
    addresses: new AddressPolicy({ allow: settings.registryAllow, guarded }),
    health: new HealthProber({
      ...{ probe: httpProbe(), schedule: timers, clock, random: Math.random },
      spareFiles: spareFiles({ ...settings, openFiles: openFileLimit() }),
      onSkipped: () => skipped.add(),
      onDelayed: () => delayed.add(),
    }),
    revisionPrefix: instanceId.replaceAll('-', ''),
    maxSnapshotBytes: SNAPSHOT_BYTES,
    maxOfService: MAX_OF_SERVICE,
    maxOfClients: MAX_OF_CLIENTS,
    expired: (names) => {
      const instances = names.slice(0, MOST_NAMED).map(({ service, id }) => `${service}/${id}`);
      log.info(
        { count: names.length, instances },
        'instances were not renewed within their ttlSeconds, and have left the registry',
      );
    },
    displaced: (service, id) =>
      log.warn(
        { service, id },
        'an instance of a client was removed: a process serves its service itself from now on, so it needs a token',
      ),
  });
}

/**
 * Registers an instance of every mounted service. A service with a database is `starting` until that is
 * migrated.
 */
export function registerServices(
  registry: Registry,
  services: readonly ServiceDefinition[],
  settings: Settings,
  port: number,
): void {
  const host = advertisedHost(settings);
  // Only callers in other processes read the scheme. Services of one process call each other without the
  // network.
  const metadata: Record<string, string> = settings.tlsCertFile === undefined ? {} : { scheme: 'https' };
  for (const service of services) {
    registry.registerLocal(service.name, host, port, {
      metadata,
      zone: settings.zone,
      state: hasDatabase(service) ? 'starting' : 'healthy',
    });
  }
}

/**
 * The address that other processes reach a listener of this one by.
 * @param settings HOST may be that of another listener
 */
export function advertisedHost({ advertiseHost, host }: Pick<Settings, 'advertiseHost' | 'host'>): string {
  if (advertiseHost !== undefined) return advertiseHost;
  return host === '0.0.0.0' || host === '::' || host === 'localhost' ? '127.0.0.1' : host;
}
