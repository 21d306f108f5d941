// The reference shop in this thread, without sockets: the real pipeline, `call`, saga engine, CPU pool and
// PostgreSQL; only what a worker keeps in shared memory is left out.
import { randomUUID } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { pino } from 'pino';
import { CpuClient } from '#src/cluster/cpu-client.js';
import { TaskPool } from '#src/cluster/task-pool.js';
import { localBudget } from '#src/db/budget.js';
import { type ClosableDatabase, createDatabase } from '#src/db/create-database.js';
import { migrateService } from '#src/db/migrate.js';
import { createSagaEngine, type SagaEngine } from '#src/saga/engine.js';
import type { Sagas } from '#src/saga/saga.js';
import { type App, createApp } from '#src/server/app.js';
import { inject } from '#src/server/inject.js';
import { referenceShop } from '#src/services/catalog.js';
import type { ServiceDefinition } from '#src/services/service.js';
import { systemRoutes } from '#src/services/system.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { createCall } from '#src/upstream/client.js';
import type { Endpoint } from '#src/upstream/endpoint.js';
import { HttpTransport } from '#src/upstream/http.js';
import { InProcessTransport } from '#src/upstream/in-process.js';
import { BufferedResponse } from '#src/upstream/response.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import { startTestPostgres } from '#test/support/postgres.js';

export type ServiceName = 'users' | 'orders' | 'payments' | 'checkout';

export interface ShopRequest {
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** One of us: may reach internal routes. */
  readonly inProcess?: boolean;
}

export interface InProcessShop {
  request(method: string, url: string, options?: ShopRequest): Promise<Response>;
  /** Rows of one service's database, as an operator would see them. */
  rows<R>(service: ServiceName, text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Services that `call` finds no instance of. */
  readonly unreachable: Set<string>;
  /** What /health and /ready tell. */
  readonly state: { draining: boolean; ready: boolean };
  close(): Promise<void>;
}

const log = pino({ level: 'silent' });
const settings = {
  maxBodyBytes: 2 ** 20,
  chunkedBodies: 'accept',
  requestTimeoutMs: 30_000,
  streamIdleMs: 60_000,
  meshToken: undefined,
  trustedProxies: [],
  configFile: undefined,
  rateLimit: null,
} as const;
const tracing = initTracing(
  {
    otel: {
      disabled: true,
      serviceName: 'test',
      endpoint: undefined,
      headers: {},
      sampler: 'always_off',
      samplerArg: 0,
      resourceAttributes: {},
    },
  },
  { worker: 1, instanceId: 'test' },
  log,
);

export async function startInProcessShop(): Promise<InProcessShop> {
  const unreachable = new Set<string>();
  const state = { draining: false, ready: true };
  const app = createApp({
    settings,
    observer: { meter: () => ({ begin: () => 0, enter: () => 0, leave() {}, end() {} }), refused() {} },
    doors: {
      door: () => ({ enter: () => 1, leave() {}, answered() {} }),
      places: () => ({ permits: { enter: () => true, leave() {} }, refused() {} }),
    },
    rateLimits: {
      limit() {
        throw new Error('the shop limits no route');
      },
    },
    tracing,
    log,
    draining: () => state.draining,
    trustsTraceFlags: () => false,
  });
  const call = callWithin(app, unreachable);
  const pool = new TaskPool({
    threads: 1,
    entry: new URL('../../../dist/workers/task.js', import.meta.url),
    log,
  });
  const { port1, port2 } = new MessageChannel();
  pool.attach(port1);
  const cpu = new CpuClient(port2, tracing);

  const databases = new Map<string, ClosableDatabase>();
  const engines: SagaEngine[] = [];
  app.mount('system', (routes) =>
    systemRoutes(routes, { draining: () => state.draining, ready: () => state.ready }),
  );
  const opened = await Promise.all(referenceShop.map(databaseOf));
  for (const [index, service] of referenceShop.entries()) {
    const { name, tasks, sagas = [] } = service;
    const db = opened[index]!;
    databases.set(name, db);
    const tools = { call, db, cpu: cpu.tasks(tasks) };
    const owner = { instanceId: randomUUID(), slot: 1, generation: 1 };
    const engine = createSagaEngine({ db, definitions: sagas, tools, service: name, owner, log });
    if (sagas.length > 0) engines.push(engine);
    const unused = undefined as never;
    const deps = {
      ...tools,
      sagas: sagas.length > 0 ? engine.sagas : (unused as Sagas),
      metrics: unused,
      log,
    };
    app.mount(name, (routes) => service.routes(routes, deps));
  }
  for (const engine of engines) engine.start();

  return {
    unreachable,
    state,
    async request(method, url, { json, headers = {}, inProcess = false } = {}) {
      const {
        status,
        headers: fields,
        body,
      } = await inject(app, {
        method,
        url,
        headers: json === undefined ? headers : { 'content-type': 'application/json', ...headers },
        body: json === undefined ? undefined : JSON.stringify(json),
        inProcess,
      });
      return new Response(body.length === 0 ? null : Uint8Array.from(body), {
        status,
        headers: { ...fields },
      });
    },
    rows: async <R>(service: ServiceName, text: string, values: readonly unknown[] = []) =>
      databases.get(service)!.many<R>(text, values),
    async close() {
      for (const engine of engines) await engine.drain(10_000);
      cpu.close();
      await pool.close({ withinMs: 0 });
      for (const db of databases.values()) await db.close();
    },
  };
}

async function databaseOf({ name, migrations, sagas }: ServiceDefinition): Promise<ClosableDatabase> {
  const postgres = await startTestPostgres();
  const connection = await postgres.createDatabase(name);
  const journal = { name: 'saga', folder: new URL('../../../dist/saga/migrations/', import.meta.url) };
  await migrateService({ service: name, connection, migrations, framework: sagas ? [journal] : [], log });
  return createDatabase({
    connection,
    service: name,
    settings: { databaseStatementTimeoutMs: 5000, databasePrepare: true },
    budget: localBudget(8),
    log,
  });
}

/** `call` with every service of the App as its one instance, and nothing that counts or trips. */
function callWithin(app: App, unreachable: ReadonlySet<string>): ReturnType<typeof createCall> {
  const inProcess = new InProcessTransport(async (_service, { method, path, headers, body, signal }) => {
    const answer = await inject(app, { method, url: path, headers, body, inProcess: true, signal });
    return new BufferedResponse(answer.status, answer.headers, answer.body);
  });
  return createCall({
    balancer: { pick: (service) => (unreachable.has(service) ? undefined : instanceOf(service)) },
    breaker: { admit: () => 0, settle() {}, retryInMs: () => 0 },
    load: { begin() {}, end() {}, observe() {} },
    budget: { deposit() {}, withdraw: () => true },
    flights: new SingleFlight(
      { claim: () => -1, isHeld: () => false, release() {} },
      { receive() {}, send() {} },
    ),
    placesOf: () => ({ permits: { enter: () => true, leave() {} }, refused() {} }),
    transports: { http: new HttpTransport(), inProcess },
    clock: () => performance.now(),
    random: Math.random,
  });
}

const instanceOf = (service: string): Endpoint => ({
  service,
  id: service,
  host: '127.0.0.1',
  port: 1,
  protocol: 'http',
  weight: 1,
  zone: null,
  version: null,
  metadata: {},
  state: 'healthy',
  slot: 0,
  local: true,
});
