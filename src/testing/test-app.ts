// `createTestApp`: what one worker serves, in this thread. It stands on the primary's registry and on the
// worker's host, so limits, validation, hooks, breakers and error documents are those of the process;
// sockets, threads and the admin plane are what is left out.
import { randomBytes, randomUUID } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import type { Logger } from 'pino';
import { applySettings } from '../admin/operator-switches.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { TaskPool } from '../cpu/task-pool.js';
import type { Database } from '../db/database.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { createSharedState } from '../primary/create-shared-state.js';
import { createRegistry, registerServices } from '../primary/registering.js';
import { ServiceDatabases } from '../primary/service-databases.js';
import { Lifecycle } from '../process/lifecycle.js';
import { type InjectedStream, inject, injectStream } from '../server/inject.js';
import { createLogger } from '../telemetry/log.js';
import type { LogSink } from '../telemetry/log-sink.js';
import { createHost, type Host } from '../worker/host.js';
import type { MountedService } from '../worker/mounted-service.js';
import { type InjectRequest, injectedRequest } from './inject-request.js';
import { InjectResponse } from './inject-response.js';
import { Missing, MissingDependencyError } from './missing-dependencies.js';
import { type ProjectOptions, projectOf } from './mounted-project.js';
import { checkOverrides, dressed, type ServiceOverrides } from './overrides.js';

export interface TestAppOptions extends ProjectOptions {
  /** Instead of what the services would be given. */
  readonly deps?: ServiceOverrides;
  /**
   * PostgreSQL server, with a database in its path that new ones can be created through. Each service that
   * needs one gets a new database there, migrated, and dropped by `close`. Without it there are no databases
   * and no sagas.
   */
  readonly databaseUrl?: string;
}

/** One line of the log: pino's object. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface TestApp {
  /**
   * Puts a request through the pipeline and resolves with the whole answer, of whatever status. A string is
   * the path of a GET.
   * @throws MissingDependencyError when a service used what the test has not given
   * @throws HttpError CLIENT_CLOSED where a socket would have been closed without an answer, or the reason of
   *   `signal`
   */
  inject(request: InjectRequest | string): Promise<InjectResponse>;
  /**
   * The same, but resolves when the answer begins: for what never ends by itself, such as server-sent events.
   * Whoever destroys `body` (leaving a `for await` does) is a client that leaves.
   * @throws as `inject`
   */
  stream(request: InjectRequest | string): Promise<InjectedStream>;
  /**
   * The database of a service, to fill and to look into. @throws MissingDependencyError when it has none here
   */
  database(service: string): Database;
  /** What was logged so far, failures of handlers with their stack among it. */
  readonly logs: readonly LogLine[];
  /** Waits for sagas under way, and removes what was made. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The only worker's row of shared memory. */
const SLOT = 1;
/** Services of one process call each other without it. */
const UNUSED_PORT = 1;
/** Of an identifier of PostgreSQL, in bytes. */
const LONGEST_NAME = 63;
/** By the formula of the process one worker has two, which tests that ask for much at once would wait for. */
const CONNECTIONS_EACH = 8;
const SAGAS_MS = 10_000;
const TASK_WORKER = new URL('../workers/task.js', import.meta.url);
/** There are no other workers. */
const NOBODY = { receive() {}, send() {} };

/**
 * Mounts services without a socket and without a thread; CPU tasks start theirs when the first one runs.
 * @throws ConfigError for services, settings or overrides that could not work, as a start would
 * @throws StartError when the database server cannot be reached, or a migration fails
 */
export async function createTestApp(options: TestAppOptions): Promise<TestApp> {
  const { services, settings } = await projectOf(options);
  const { deps = {}, databaseUrl } = options;
  checkOverrides(deps, services);
  const lifecycle = new Lifecycle();
  const logs: LogLine[] = [];
  const log = createLogger({ ...settings, logFormat: 'json' }, {}, collectedIn(logs));
  const missing = new Missing(log);
  try {
    const instanceId = randomUUID();
    const sharedState = createSharedState({ ...settings, workers: 1 }, log, (slot) =>
      registering.registry.at(slot),
    );
    applySettings(settings, sharedState.switches);
    const databases =
      databaseUrl === undefined ? undefined : ownDatabases(settings, databaseUrl, services, log);
    lifecycle.defer('databases', () => databases?.drop());
    lifecycle.defer('database probes', () => databases?.stopWatching());
    const registering = createRegistry({ settings, sharedState, instanceId, guarded: () => [] });
    lifecycle.defer('registry', () => registering.close());
    registerServices(registering.registry, services, settings, UNUSED_PORT);
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
      cpuPort: port2,
      log,
      mail: NOBODY,
      draining: () => false,
      awaitsDatabases: hasServer,
      replaceDeps: (service, real) =>
        dressed(service, { ...real, ...missing.substitutes(service, hasServer) }, deps, missing),
    });
    lifecycle.defer('host', () => host.close());
    lifecycle.defer('sagas', async () => {
      await Promise.all(host.services.map((service) => service.drain(SAGAS_MS, Promise.resolve())));
    });
    await databases?.prepare(undefined, false, async ({ service, url, exclusive }) => {
      await databases.openBudget(undefined, (most) => DatabaseBudget.configure(sharedState.block, most));
      await mounted(host, service)?.arrive({ url, exclusive });
    });
    for (const { name } of services) registering.registry.setLocalState(name, 'healthy');
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
  missing: Missing,
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

/** ServiceDatabases that nobody else can have: test runners run files side by side. */
function ownDatabases(
  settings: Settings,
  databaseUrl: string,
  services: readonly ServiceDefinition[],
  log: Logger,
): ServiceDatabases {
  const run = randomBytes(4).toString('hex');
  const names = services.map(({ name }) => name);
  const nameOf = (service: string): string =>
    `test_${run}_${names.indexOf(service)}_${service}`.slice(0, LONGEST_NAME);
  const { databasePoolMax = CONNECTIONS_EACH * names.length } = settings;
  const own = { ...settings, databaseUrl, serviceDatabaseUrls: {}, databasePoolMax };
  return new ServiceDatabases(own, services, log, nameOf);
}

const collectedIn = (logs: LogLine[]): LogSink => ({
  write: (line, format) => void logs.push(JSON.parse(format(line)) as LogLine),
  flush() {},
});
