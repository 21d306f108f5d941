// The servers of registries that processes share, each reached through a proxy that can break.
import pg from 'pg';
import { pino } from 'pino';
import { registryRoutes } from '#src/admin/registry-routes.js';
import { startAdminServer } from '#src/admin/server.js';
import { etcdClients } from '#src/primary/etcd-client.js';
import { registryClients } from '#src/primary/registry-client.js';
import { registrySessions } from '#src/primary/registry-session.js';
import type { RegistryBackend } from '#src/registry/backends/backend.js';
import { EtcdBackend } from '#src/registry/backends/etcd-backend.js';
import type { RegistryClient } from '#src/registry/backends/http-api.js';
import { HttpBackend } from '#src/registry/backends/http-backend.js';
import { PostgresBackend } from '#src/registry/backends/postgres-backend.js';
import type { Registry } from '#src/registry/registry.js';
import { type BreakableProxy, breakableProxy } from '#test/support/breakable-proxy.js';
import { startEtcd } from '#test/support/etcd.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { plainRegistry } from './registry-process.js';

/** The processes of a test trust each other. */
export const SECRET = 'a secret of all processes';

export interface RegistryServer {
  readonly ttlSeconds: number;
  /** It refuses by itself what no registration may be. @default false */
  readonly isChecked?: boolean;
  readonly proxy: BreakableProxy;
  /** @param isThrough whether its connections go through the proxy @param secret @default SECRET */
  backend(owner: string, isThrough: boolean, secret?: string): RegistryBackend;
  /** Writes an instance that no process of the test has announced. */
  write(service: string, id: string, body: string): Promise<void>;
  /** Loses everything: revisions begin again. */
  lose?(): Promise<void>;
  /** Removes everything. */
  clear(): Promise<void>;
  /** Removes everything as that whose time is over. */
  expire(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresServer extends RegistryServer {
  run(text: string, values?: unknown[]): Promise<void>;
  rows<R extends object>(text: string, values?: unknown[]): Promise<R[]>;
  /** Locks a row. @returns a function that ends this */
  lock(service: string, id: string): Promise<() => Promise<void>>;
  /** Locks the row that renews all instances of a process. @returns a function that ends this */
  lockOwner(owner: string): Promise<() => Promise<void>>;
  /** A backend with a role that may only read. @param settings of the role */
  reader(settings?: string): Promise<RegistryBackend>;
}

export async function postgresRegistry(): Promise<PostgresServer> {
  const server = await startTestPostgres();
  const url = await server.createDatabase('registry');
  const proxy = await breakableProxy(`${new URL(url).searchParams.get('host')}/.s.PGSQL.5432`);
  const through = new URL(url);
  through.searchParams.delete('host');
  through.hostname = '127.0.0.1';
  through.port = String(proxy.port);
  const rows = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await (values.length === 0 ? client.query(text) : client.query(text, values))).rows as R[];
    } finally {
      await client.end();
    }
  };
  const run = async (text: string, values?: unknown[]): Promise<void> => void (await rows(text, values));
  const locked = async (text: string, values: unknown[]): Promise<() => Promise<void>> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(text, values);
    return () => client.end();
  };
  const table = 'multilane.multilane_registry_instance';
  return {
    ttlSeconds: 1,
    proxy,
    backend(owner, isThrough) {
      const open = registrySessions(isThrough ? through.href : url);
      return new PostgresBackend({ open, owner, ttlSeconds: 1, random: Math.random });
    },
    // Nothing is notified.
    write: (service, id, body) =>
      run(
        `INSERT INTO ${table} VALUES ($1, $2, 'someone', $3, NULL, nextval('multilane.multilane_registry_revision'))`,
        [service, id, body],
      ),
    lose: () => run('DROP SCHEMA IF EXISTS multilane CASCADE'),
    clear: () => run(`DELETE FROM ${table}`),
    run,
    rows,
    lock: (service, id) =>
      locked(`SELECT FROM ${table} WHERE service = $1 AND id = $2 FOR UPDATE`, [service, id]),
    lockOwner: (owner) =>
      locked('SELECT FROM multilane.multilane_registry_owner WHERE owner = $1 FOR UPDATE', [owner]),
    async reader(settings) {
      const role = `reader_${Math.random().toString(36).slice(2)}`;
      await run(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'; GRANT USAGE ON SCHEMA multilane TO ${role};
        GRANT SELECT ON ALL TABLES IN SCHEMA multilane TO ${role};
        GRANT SELECT ON ALL SEQUENCES IN SCHEMA multilane TO ${role}`);
      if (settings !== undefined) await run(`ALTER ROLE ${role} SET ${settings}`);
      const asReader = new URL(url);
      asReader.username = role;
      asReader.password = role;
      const open = registrySessions(asReader.href);
      return new PostgresBackend({ open, owner: role, ttlSeconds: 1, random: Math.random });
    },
    expire: () =>
      run(`WITH gone AS (DELETE FROM ${table} RETURNING service, id, nextval('multilane.multilane_registry_revision') AS n)
        SELECT pg_notify('multilane_registry', n || ' ' || service || ' ' || id) FROM gone`),
    close: () => proxy.close(),
  };
}

export async function etcdRegistry(): Promise<RegistryServer> {
  const etcd = await startEtcd();
  const { port: client, url } = etcd;
  const own = etcdClients({ origins: [url], user: undefined })[0]!;
  const post = async (path: string, body: object): Promise<unknown> => {
    const one = await own();
    try {
      return await one.post(path, body);
    } finally {
      one.close();
    }
  };
  const proxy = await breakableProxy(client);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const prefix = '/multilane/registry/v1/';
  return {
    // The least that etcd grants.
    ttlSeconds: 2,
    proxy,
    backend(owner, isThrough) {
      const origin = `http://127.0.0.1:${isThrough ? proxy.port : client}`;
      const open = etcdClients({ origins: [origin], user: undefined });
      return new EtcdBackend({ open, owner, ttlSeconds: 2, random: Math.random });
    },
    async write(service, id, body) {
      const value = base64(`{"owner":"someone","body":${body}}`);
      await post('/v3/kv/put', { key: base64(`${prefix}${service}/${id}`), value });
    },
    async lose() {
      await etcd.kill();
      etcd.lose();
      await etcd.start();
    },
    async clear() {
      const range_end = base64('/multilane/registry0');
      await post('/v3/kv/deleterange', { key: base64('/multilane/registry/'), range_end });
    },
    async expire() {
      const { leases = [] } = (await post('/v3/lease/leases', {})) as { leases?: { ID: string }[] };
      for (const { ID } of leases) await post('/v3/lease/revoke', { ID });
    },
    async close() {
      await proxy.close();
      await etcd.close();
    },
  };
}

export interface PrimaryRegistry extends RegistryServer {
  readonly hub: Registry;
  /** The path of each request to it. */
  readonly requests: string[];
}

/**
 * The registry of another process, with its admin plane.
 * @param admitted throws for a host that is not admitted
 */
export async function primaryRegistry(admitted?: (host: string) => void): Promise<PrimaryRegistry> {
  const hub = plainRegistry('hub', undefined, admitted);
  const requests: string[] = [];
  const server = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    token: undefined,
    allowedHosts: [],
    routes: registryRoutes(hub, {
      load: { inFlight: () => 0, smoothedLatency: () => 0 },
      ejectedForMs: () => 0,
      mayShadowLocal: () => false,
    }),
    log: pino({ level: 'silent' }),
  });
  const proxy = await breakableProxy(server.port);
  return {
    ttlSeconds: 1,
    isChecked: true,
    ...{ proxy, hub, requests },
    backend(owner, isThrough, secret = SECRET) {
      const clients = registryClients(`http://127.0.0.1:${isThrough ? proxy.port : server.port}`, undefined);
      const open = (own: string): RegistryClient => {
        const client = clients(own);
        return {
          request(method, path, body) {
            requests.push(path);
            return client.request(method, path, body);
          },
          watch: (path, heard, ended) => client.watch(path, heard, ended),
          close: () => client.close(),
        };
      };
      return new HttpBackend({ open, owner, secret, ttlSeconds: 1, random: Math.random });
    },
    async write(service, id, body) {
      const content = { ttlSeconds: 3_600, ...(JSON.parse(body) as object) };
      await hub.put(service, id, content, { mayShadowLocal: true });
    },
    async clear() {
      for (const service of Object.keys(hub.services()))
        for (const { id, owner } of hub.instances(service))
          if (owner === null) hub.remove(service, id);
          else hub.processes.withdraw(owner, service, id);
    },
    async expire() {
      const owners = Object.keys(hub.services()).flatMap((service) =>
        hub.instances(service).map(({ owner }) => owner),
      );
      for (const owner of new Set(owners)) if (owner !== null) hub.processes.renew(owner, 0.001, () => true);
    },
    async close() {
      await proxy.close();
      await server.close();
      hub.close();
    },
  };
}

/** All kinds, by the names that tests have. */
export const SERVERS = {
  PostgreSQL: postgresRegistry,
  etcd: etcdRegistry,
  'another process': primaryRegistry,
} as const;
