// One mounted service of this worker. Its routes are there at once; its database and its sagas arrive when
// the primary has migrated the database.
import type { Logger } from 'pino';
import { declareRoutes, hasDatabase } from '../api/define-service.js';
import type { ServiceDefinition, ServiceDeps } from '../api/service-definition.js';
import { type ClosableDatabase, createDatabase } from '../db/create-database.js';
import type { Database } from '../db/database.js';
import { sweepIdempotency } from '../db/idempotency-sweep.js';
import { addressOf } from '../db/server-url.js';
import { ConfigError } from '../errors.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { DATABASE_POOLS } from '../memory/layout.js';
import { requireObject } from '../options.js';
import type { SagaEngine } from '../saga/engine.js';
import { openSince, releaseOwnersExcept } from '../saga/journal-upkeep.js';
import type { Sagas } from '../saga/saga.js';
import type { RpcHandlers } from '../server/grpc/rpc-handler.js';
import type { Application } from '../server/handler.js';
import { connectionGauges, waitCounter } from '../telemetry/connection-gauges.js';
import { loadUndici } from '../upstream/undici.js';
import { observeDatabase } from './observe-database.js';
import { Pending, pendingDatabase, pendingSagas, undeclared } from './pending-dependencies.js';
import { createServiceSagaEngine } from './service-saga-engine.js';
import { timedStatements } from './timed-calls.js';
import type { WorkerContext } from './worker-context.js';

/**
 * The pools of the services have the numbers from 0 up, and the pools of their journals the numbers from this
 * one down.
 */
const LAST_POOL = DATABASE_POOLS - 1;
const PUBLISH_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 10 * 60 * 1000;

/** How a migrated database is reached. */
export interface ServiceDatabase {
  readonly url: string;
  /**
   * No other process uses the database, so open sagas in it belong to processes that have ended, and may be
   * continued at once.
   */
  readonly exclusive: boolean;
}

export class MountedService {
  readonly definition: ServiceDefinition;
  readonly #context: WorkerContext;
  readonly #number: number;
  readonly #log: Logger;
  readonly #pendingDb: Pending<Database>;
  readonly #pendingSagas: Pending<Sagas>;
  readonly #deps: ServiceDeps;
  #database: ClosableDatabase | undefined;
  #journal: ClosableDatabase | undefined;
  #engine: SagaEngine | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  /** @param number of the service among those of this worker, from 0 */
  constructor(definition: ServiceDefinition, context: WorkerContext, number: number) {
    const { name } = definition;
    this.definition = definition;
    this.#context = context;
    this.#number = number;
    this.#log = context.log.child({ service: name });
    this.#pendingDb = new Pending(`The database of service ${name}`);
    this.#pendingSagas = new Pending(`The saga engine of service ${name}`);
    this.#deps = this.#createDeps();
  }

  #createDeps(): ServiceDeps {
    const { name, tasks, sagas = [] } = this.definition;
    const { callFrom, cpu, metrics, shared, replaceDeps } = this.#context;
    const deps = replaceDeps(this.definition, {
      db: hasDatabase(this.definition) ? pendingDatabase(this.#pendingDb) : undeclared(name, 'database'),
      sagas: sagas.length > 0 ? pendingSagas(this.#pendingSagas) : undeclared(name, 'sagas'),
      call: callFrom(name),
      cpu: cpu.tasks(name, tasks),
      metrics: metrics(name),
      shared: shared(name),
      // A logger for the service alone: a change that it makes to it affects no line of the runtime.
      log: this.#log.child({}),
    });
    return {
      ...deps,
      // A service that reads `call` may call over HTTP. The HTTP client is loaded at that moment, before the
      // worker is ready: in a handler it would be a stall where the thread has a small share of a CPU.
      get call() {
        loadUndici();
        return deps.call;
      },
    };
  }

  /** The service declares no database, or its database has arrived. */
  get ready(): boolean {
    return this.#pendingDb.hasArrived || !hasDatabase(this.definition);
  }

  /** The database of the service; undefined until it has arrived. */
  get database(): Database | undefined {
    return this.#database;
  }

  /** @returns what the service returned; a promise, which the application refuses, where it is async */
  routes(app: Application): unknown {
    return declareRoutes(this.definition, app, this.#deps);
  }

  /** @throws what the service throws, and ConfigError when it returns no object */
  rpcHandlers(): RpcHandlers {
    const handlers = this.definition.grpc?.handlers(this.#deps) ?? {};
    requireObject('what handlers(deps) returns', handlers, '{ OrderService: { … } }', (reason) => {
      return new ConfigError(`service "${this.definition.name}": grpc: ${reason}`);
    });
    return handlers;
  }

  /** The database is migrated: routes may use it, and sagas that other workers left are taken over. */
  async arrive({ url, exclusive }: ServiceDatabase): Promise<void> {
    const { thread, recorder } = this.#context;
    const { name, sagas = [] } = this.definition;
    const database = this.#connect(url, this.#number);
    this.#database = database;
    if (sagas.length > 0) await this.#startSagas(url, database, exclusive);
    this.#pendingDb.arrive(database);
    this.#every(PUBLISH_EVERY_MS, connectionGauges(recorder, name, this.#pools));
    this.#every(PUBLISH_EVERY_MS, waitCounter(recorder, name, this.#pools));
    // One worker of the process is enough; the batches are bounded, so several would do no harm.
    if (thread.worker === 1) this.#every(SWEEP_EVERY_MS, () => void this.#sweep(database));
  }

  /** Opens no connection yet: each opens when it is first used. */
  #connect(url: string, pool: number): ClosableDatabase {
    const { thread, block, clock, recorder, tracing } = this.#context;
    const { name } = this.definition;
    return createDatabase({
      connection: url,
      service: name,
      settings: thread.settings,
      budget: new DatabaseBudget(block, thread.slot, pool, clock, addressOf(url)),
      log: this.#log,
      observer: timedStatements(observeDatabase(recorder, tracing, name), thread.settings),
    });
  }

  async #startSagas(url: string, db: Database, isExclusive: boolean): Promise<void> {
    const journal = this.#connect(url, LAST_POOL - (this.#number % DATABASE_POOLS));
    this.#journal = journal;
    this.#engine = createServiceSagaEngine({
      definition: this.definition,
      context: this.#context,
      deps: this.#deps,
      db,
      journal,
      log: this.#log,
    });
    this.#pendingSagas.arrive(this.#engine.sagas);
    if (isExclusive) await this.#freeSagas(journal);
    this.#engine.start();
  }

  /** Frees sagas of earlier processes at once. It may fail: they are free once their leases have run out. */
  async #freeSagas(journal: Database): Promise<void> {
    try {
      await releaseOwnersExcept(journal, this.#context.thread.instanceId);
    } catch (error) {
      this.#log.warn(
        { err: error },
        'sagas of an earlier process could not be freed; their leases will run out',
      );
    }
  }

  get #pools(): readonly ClosableDatabase[] {
    return [this.#database, this.#journal].filter((pool) => pool !== undefined);
  }

  /** The start of the oldest open saga of this service. */
  async openSagasSince(): Promise<Date | undefined> {
    return this.#journal && openSince(this.#journal);
  }

  /**
   * Lets sagas under way finish their steps.
   * @param arrivals settles when no request can start a saga any more
   */
  async drain(withinMs: number, arrivals: Promise<void>): Promise<void> {
    await this.#engine?.drain(withinMs, arrivals);
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }

  async #sweep(database: Database): Promise<void> {
    try {
      await sweepIdempotency(database, await this.#context.openSagasSince());
    } catch (error) {
      this.#log.warn({ err: error }, 'old idempotency keys could not be deleted; retrying later');
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }
}
