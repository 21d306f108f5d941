// The registry that several processes share, as REGISTRY names it.
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { isWildcard } from '../config/network-kinds.js';
import type { Settings } from '../config.js';
import { serverOf } from '../db/server-url.js';
import type { Address } from '../registry/addresses.js';
import type { RegistryBackend } from '../registry/backends/backend.js';
import { EtcdBackend } from '../registry/backends/etcd-backend.js';
import { HttpBackend } from '../registry/backends/http-backend.js';
import { PostgresBackend } from '../registry/backends/postgres-backend.js';
import { RegistrySync } from '../registry/backends/registry-sync.js';
import type { Registry } from '../registry/registry.js';
import type { SharedState } from './create-shared-state.js';
import { etcdClients, parseEtcdUrl } from './etcd-client.js';
import { registryClients } from './registry-client.js';
import { registrySessions, requireSessions } from './registry-session.js';

const isPostgres = (url: string): boolean => /^postgres/i.test(url);
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
/** A process does not wait longer for the name of the registry when it starts. */
const LOOKUP_TIMEOUT_MS = 2_000;

type RegistrySettings = Pick<
  Settings,
  'registry' | 'registryToken' | 'registryAcceptTokensFile' | 'meshToken'
>;

/** The addresses of the registry, which no instance may have; none for the registry of this process alone. */
export function registryAddresses({ registry }: Pick<Settings, 'registry'>): readonly Address[] {
  if (registry === 'local') return [];
  const cluster = parseEtcdUrl(registry);
  // A Unix socket has no address on the network.
  if (isPostgres(registry)) return [serverOf(registry)].filter(({ host }) => !host.startsWith('/'));
  return (cluster?.origins ?? [registry])
    .map((origin) => new URL(origin))
    .map(({ hostname, port, protocol }) => ({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || DEFAULT_PORTS[protocol]),
    }));
}

function backendOf(settings: RegistrySettings, owner: string): RegistryBackend {
  const { registry: url, registryToken } = settings;
  const common = { owner, random: Math.random };
  if (/^https?:/i.test(url)) {
    const secret = processSecret(settings);
    return new HttpBackend({ open: registryClients(url, registryToken), secret, ...common });
  }
  if (isPostgres(url)) return new PostgresBackend({ open: registrySessions(url), ...common });
  return new EtcdBackend({ open: etcdClients(parseEtcdUrl(url)!), ...common });
}

/**
 * That of all cooperating processes, or of this one alone. No service has the name, so no call has the value.
 */
function processSecret({ meshToken }: RegistrySettings): string {
  if (meshToken === undefined) return randomBytes(32).toString('base64url');
  return createHmac('sha256', meshToken).update('the processes of a registry').digest('base64url');
}

/**
 * Connects the registry of this process with the one that is shared; undefined when there is none. The
 * process starts, and serves, also while that cannot be reached.
 */
export function joinSharedRegistry(
  registry: Registry,
  settings: RegistrySettings,
  { sharedState, instanceId }: { readonly sharedState: SharedState; readonly instanceId: string },
  log: Logger,
): RegistrySync | undefined {
  if (settings.registry === 'local') return undefined;
  const refused = sharedState.recorder.counter('multilane_registry_refused_total');
  const rejected = sharedState.recorder.counter('multilane_registry_rejected_total');
  const sync = new RegistrySync({
    registry,
    backend: backendOf(settings, instanceId),
    log,
    mayShadowLocal: settings.registryAcceptTokensFile !== undefined,
    refused: () => refused.add(),
    rejected: () => rejected.add(),
  });
  sync.start();
  return sync;
}

/**
 * Checks the shared registry before anything is registered.
 * @returns the settings with the address by which other processes reach this one
 * @throws ConfigError for a pooler that does not keep sessions
 */
export async function checkedRegistry(settings: Settings): Promise<Settings> {
  const { registry, advertiseHost, host } = settings;
  if (registry === 'local') return settings;
  if (isPostgres(registry)) await requireSessions(registry);
  if (advertiseHost !== undefined || !isWildcard(host)) return settings;
  for (const address of registryAddresses(settings)) {
    const local = await localAddressTo(address);
    if (local !== undefined) return { ...settings, advertiseHost: local };
  }
  return settings;
}

/**
 * The local address of packets to an address; undefined when there is no route or no such name, or for a Unix
 * socket. Nothing is sent, so it is known also while nothing listens there.
 */
export async function localAddressTo({ host, port }: Address): Promise<string | undefined> {
  if (host.startsWith('/')) return undefined;
  const limit = AbortSignal.timeout(LOOKUP_TIMEOUT_MS);
  try {
    const { address, family } = await Promise.race([lookup(host), rejectedBy(limit)]);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      socket.connect(port, address);
      await once(socket, 'connect');
      return socket.address().address;
    } finally {
      socket.close();
    }
  } catch {
    return undefined;
  }
}

const rejectedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
