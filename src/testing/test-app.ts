// `createTestApp`: everything that one worker serves, in this thread. It uses the primary's registry and the
// worker's host, so limits, validation, hooks, breakers and error documents are those of the process.
// Sockets, threads and the admin plane are omitted.
import { randomBytes, randomUUID } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import type { Logger } from 'pino';
import { applySettings } from '../admin/operator-switches.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import { rowsFor } from '../cluster/worker-rows.js';
import type { Settings } from '../config.js';
import { TaskPool } from '../cpu/task-pool.js';
import type { Database } from '../db/database.js';
import { ConfigError } from '../errors.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { ANYTHING, checkOptions, shapeOf } from '../options.js';
import { createSharedState } from '../primary/create-shared-state.js';
import { createRegistry, registerServices } from '../primary/registering.js';
import { ServiceDatabases } from '../primary/service-databases.js';
import { Lifecycle } from '../process/lifecycle.js';
import type { Registry } from '../registry/registry.js';
import { type InjectedStream, inject, injectStream } from '../server/inject.js';
import { createLogger } from '../telemetry/log.js';
import type { LogSink } from '../telemetry/log-sink.js';
import { createHost, type Host } from '../worker/host.js';
import type { MountedService } from '../worker/mounted-service.js';
import { type InjectRequest, injectedRequest } from './inject-request.js';
import { InjectResponse } from './inject-response.js';
import { MissingDependencies, MissingDependencyError } from './missing-dependencies.js';
import { type ProjectOptions, projectOf } from './mounted-project.js';
import { checkOverrides, type ServiceOverrides, withOverrides } from './overrides.js';

/** The options of `createTestApp`. */
export interface TestAppOptions extends ProjectOptions {
  /**
   * Replacements for the dependencies of services, by the name of the service.
   * @default none
   */
  readonly deps?: ServiceOverrides;
  /**
   * The URL of a PostgreSQL server, with a database in its path through which others can be created. Each
   * service that needs a database gets a new one there, migrated, and dropped by `close`.
   * @default none: there are no databases and no sagas, and using them throws a MissingDependencyError
   */
  readonly databaseUrl?: string;
}

/** One line of the log, as the object that pino writes. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The services of a project in the process of the test, without sockets. */
export interface TestApp {
  /**
   * Sends a request through the pipeline and resolves with the whole response, whatever its status. A string
   * is the path of a GET request. A response that never ends, such as server-sent events, needs `stream`.
   * @throws MissingDependencyError when a service used a dependency that the test has not passed
   * @throws HttpError CLIENT_CLOSED where a socket would have been closed without a response; the reason of
   *   `signal` when that aborts
   * @throws TypeError for a path without a leading `/`, and for a request with two bodies
   */
  inject(request: InjectRequest | string): Promise<InjectResponse>;
  /**
   * Sends a request and resolves when the response begins, for responses that never end by themselves, such
   * as server-sent events. Destroying `body`, which leaving a `for await` does, acts like a client that
   * disconnects.
   * @throws as `inject`
   */
  stream(request: InjectRequest | string): Promise<InjectedStream>;
  /**
   * The database of a service, to prepare and to check rows.
   * @throws MissingDependencyError when the service has no database here
   */
  database(service: string): Database;
  /** The lines logged so far; failures of handlers are there with their stacks. */
  readonly logs: readonly LogLine[];
  /** Waits up to 10 s for running sagas, then drops the databases and stops the CPU pool. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const OPTIONS = shapeOf<TestAppOptions>('{ services: [shop] }', {
  services: { text: 'an array of services', is: Array.isArray },
  config: ANYTHING,
  settings: ANYTHING,
  deps: ANYTHING,
  databaseUrl: {
    text: 'a URL such as postgres://postgres@127.0.0.1:5432/postgres',
    is: (value) => typeof value === 'string' && /^postgres(?:ql)?:\/\//.test(value),
  },
});
const fault = (reason: string): ConfigError => new ConfigError(`createTestApp: ${reason}`);

/** The row of shared memory of the only worker. */
const SLOT = 1;
/** The services call each other within the process, so their port is never used. */
const UNUSED_PORT = 1;
const UNUSED_GRPC_PORT = 2;
/** The longest identifier of PostgreSQL, in bytes. */
const MAX_NAME_BYTES = 63;
/**
 * Connections for each database, so that tests can run many queries at once. The process would open two for
 * each worker.
 */
const CONNECTIONS_EACH = 8;
/** The time that `close` waits for running sagas. */
const SAGAS_MS = 10_000;
/** The same for mounted applications that close. */
const CLOSE_MS = 2_500;
const TASK_WORKER = new URL('../workers/task.js', import.meta.url);
/** Replaces the messages between workers: there is only one worker here. */
const NO_OTHER_WORKERS = { receive() {}, send() {} };

function registerAll(registry: Registry, services: readonly ServiceDefinition[], settings: Settings): void {
  registerServices(registry, services, settings, UNUSED_PORT);
  for (const { name, grpc } of services) {
    if (grpc !== undefined) registry.registerLocal(name, '127.0.0.1', UNUSED_GRPC_PORT, { protocol: 'grpc' });
  }
}

/**
 * Mounts services without a socket or a worker thread. The threads for CPU tasks start with the first task.
 * @throws ConfigError for services, settings or replacements that cannot work, as a start of the process
 *   would
 * @throws StartError when the database server cannot be reached, or a migration fails
 * @example
 *   const app = await createTestApp({ services: [shop], databaseUrl: postgres.url });
 *   const response = await app.inject({ method: 'POST', path: '/items', json: { name: 'pen' } });
 *   assert.equal(response.status, 201);
 *   await app.close(); // in `after`: an app that is not closed leaves its databases behind
 */
export async function createTestApp(options: TestAppOptions): Promise<TestApp> {
  checkOptions(options, OPTIONS, fault);
  const { services, protos, settings } = await projectOf(options);
  const { deps = {}, databaseUrl } = options;
  checkOverrides(deps, services);
  const lifecycle = new Lifecycle();
  const logs: LogLine[] = [];
  const log = createLogger({ ...settings, logFormat: 'json' }, {}, collectedIn(logs));
  const missing = new MissingDependencies(log);
  try {
    const instanceId = randomUUID();
    const sharedState = createSharedState(settings, rowsFor(1), log, (slot) => registry.at(slot));
    applySettings(settings, sharedState.switches);
    const databases =
      databaseUrl === undefined ? undefined : ownDatabases(settings, databaseUrl, services, log);
    lifecycle.defer('databases', () => databases?.drop());
    lifecycle.defer('database probes', () => databases?.stopWatching());
    const registry = createRegistry({ settings, sharedState, instanceId, guarded: () => [], log });
    lifecycle.defer('registry', () => registry.close());
    registerAll(registry, services, settings);
    const pool = new TaskPool({ threads: settings.cpuThreads, entry: TASK_WORKER, log });
    lifecycle.defer('CPU pool', () => pool.close({ withinMs: 0 }));
    const { port1, port2 } = new MessageChannel();
    pool.attach(port1);

    const hasServer = databases !== undefined;
    const host = createHost({
      thread: { settings, worker: SLOT, slot: SLOT, generation: 1, instanceId },
      block: sharedState.block,
      series: sharedState.series.of(SLOT),
      definitions: services,
      protos,
      cpuPort: port2,
      log,
      mail: NO_OTHER_WORKERS,
      draining: () => false,
      awaitsDatabases: hasServer,
      clusterLimits: 'alone',
      replaceDeps: (service, real) =>
        withOverrides(service, { ...real, ...missing.substitutes(service, hasServer) }, deps, missing),
    });
    lifecycle.defer('host', () => host.close());
    lifecycle.defer('mounted applications', () => host.app.applications.close(CLOSE_MS));
    lifecycle.defer('sagas', async () => {
      await Promise.all(host.services.map((service) => service.drain(SAGAS_MS, Promise.resolve())));
    });
    await databases?.prepare(undefined, false, async ({ service, url, exclusive }) => {
      await databases.openBudget(undefined, (most) => DatabaseBudget.configure(sharedState.block, most));
      await mounted(host, service)?.arrive({ url, exclusive });
    });
    await host.prepared();
    for (const { name } of services) registry.setLocalState(name, 'healthy');
    sharedState.switches.ready = true;
    return testApp(host, missing, logs, async () => {
      await lifecycle.stop(log);
    });
  } catch (error) {
    await lifecycle.stop(log);
    throw error;
  }
}

function testApp(
  host: Host,
  missing: MissingDependencies,
  logs: readonly LogLine[],
  close: () => Promise<void>,
): TestApp {
  return {
    logs,
    async inject(request) {
      const { status, headers, body } = await missing.watch(() => inject(host.app, injectedRequest(request)));
      return new InjectResponse(status, headers, body);
    },
    stream: (request) => missing.watch(() => injectStream(host.app, injectedRequest(request))),
    database(service) {
      const database = mounted(host, service)?.database;
      if (database !== undefined) return database;
      const remedy = 'there is none: it is not mounted, declares none, or no databaseUrl was passed';
      throw new MissingDependencyError(service, 'db', remedy);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const mounted = (host: Host, service: string): MountedService | undefined =>
  host.services.find(({ definition }) => definition.name === service);

/** Makes databases with names that no other test app uses, since test runners run several files at once. */
function ownDatabases(
  settings: Settings,
  databaseUrl: string,
  services: readonly ServiceDefinition[],
  log: Logger,
): ServiceDatabases {
  const run = randomBytes(4).toString('hex');
  const names = services.map(({ name }) => name);
  const nameOf = (service: string): string =>
    `test_${run}_${names.indexOf(service)}_${service}`.slice(0, MAX_NAME_BYTES);
  const { databasePoolMax = CONNECTIONS_EACH * names.length } = settings;
  const own = { ...settings, databaseUrl, serviceDatabaseUrls: {}, databasePoolMax };
  return new ServiceDatabases(own, services, log, nameOf);
}

const collectedIn = (logs: LogLine[]): LogSink => ({
  write: (line, format) => void logs.push(JSON.parse(format(line)) as LogLine),
  flush() {},
});
