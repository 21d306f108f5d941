// A process of the cluster: the real registry, connected by the real RegistrySync and the real loop of a
// backend with a simulated server. It serves `orders` itself.
import type { RegistryBackend } from '#src/registry/backends/backend.js';
import { EtcdBackend } from '#src/registry/backends/etcd-backend.js';
import { HttpBackend } from '#src/registry/backends/http-backend.js';
import { PostgresBackend } from '#src/registry/backends/postgres-backend.js';
import { RegistrySync, type RegistrySyncOptions } from '#src/registry/backends/registry-sync.js';
import type { Registry } from '#src/registry/registry.js';
import type { EndpointChange } from '#src/registry/snapshot-text.js';
import { silentLog } from '#test/support/silent-log.js';
import type { VirtualTime } from '../virtual-time.js';
import { EtcdServer } from './etcd-server.js';
import { Host } from './host.js';
import type { Network } from './network.js';
import { PostgresServer } from './postgres-server.js';
import { PrimaryServer } from './primary-server.js';
import { simulatedRegistry } from './simulated-registry.js';

/** What a backend is made of; `server` is the simulated one. */
export interface BackendDependencies {
  readonly owner: string;
  readonly host: Host;
  readonly time: VirtualTime;
  readonly random: () => number;
}

/** A kind of shared registry: its server, and the backend of a process. A planted fault replaces a part. */
export interface Kind {
  readonly name: string;
  readonly server: (network: Network) => SharedServer;
  readonly backend: (server: SharedServer, dependencies: BackendDependencies) => RegistryBackend;
  readonly sync: (options: RegistrySyncOptions) => RegistrySync;
}

export type SharedServer = Pick<EtcdServer | PostgresServer | PrimaryServer, 'has' | 'restarted' | 'wipe'>;

export const optionsOf = ({ owner, host, time, random }: BackendDependencies) => ({
  owner,
  random,
  clock: time.clock,
  schedule: host.schedule,
});

export const ETCD: Kind = {
  name: 'etcd',
  server: (network) => new EtcdServer(network),
  backend: (server, deps) =>
    new EtcdBackend({ open: (server as EtcdServer).clientsOf(deps.host), ...optionsOf(deps) }),
  sync: (options) => new RegistrySync(options),
};

export const POSTGRES: Kind = {
  name: 'PostgreSQL',
  server: (network) => new PostgresServer(network),
  backend: (server, deps) =>
    new PostgresBackend({ open: (server as PostgresServer).sessionsOf(deps.host), ...optionsOf(deps) }),
  sync: (options) => new RegistrySync(options),
};

export const PRIMARY: Kind = {
  name: 'another process',
  server: (network) => new PrimaryServer(network),
  backend: (server, deps) =>
    new HttpBackend({
      open: (server as PrimaryServer).clientsOf(deps.host),
      secret: deps.owner,
      ...optionsOf(deps),
    }),
  sync: (options) => new RegistrySync(options),
};

export const KINDS: readonly Kind[] = [ETCD, POSTGRES, PRIMARY];

export interface MemberOptions {
  readonly owner: string;
  /** Ports of its own instances. */
  readonly ports: readonly number[];
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly kind: Kind;
  readonly server: SharedServer;
  readonly changed: (member: Member, change: EndpointChange) => void;
}

export class Member {
  readonly owner: string;
  readonly ports: readonly number[];
  readonly host: Host;
  readonly registry: Registry;
  readonly sync: RegistrySync;
  /** The state of each instance that it knows, by service and id. */
  readonly seen = new Map<string, string>();

  constructor(options: MemberOptions) {
    const { owner, ports, time, random, kind, server } = options;
    this.owner = owner;
    this.ports = ports;
    this.host = new Host(time);
    this.registry = simulatedRegistry({
      name: owner,
      time,
      schedule: this.host.schedule,
      changed: (change) => {
        this.#changed(change);
        options.changed(this, change);
      },
    });
    for (const port of ports) this.registry.registerLocal('orders', '10.0.0.1', port);
    const backend = kind.backend(server, { owner, host: this.host, time, random });
    this.sync = kind.sync({
      registry: this.registry,
      backend,
      log: silentLog,
      mayShadowLocal: true,
      refused: () => undefined,
      rejected: () => undefined,
      clock: time.clock,
      schedule: this.host.schedule,
    });
    this.sync.start();
  }

  #changed(change: EndpointChange): void {
    const { service, id } = change.type === 'put' ? change.endpoint : change;
    if (change.type === 'put') this.seen.set(`${service} ${id}`, change.endpoint.state);
    else this.seen.delete(`${service} ${id}`);
  }
}
