// One mounted service in this thread: its routes at once, its database and sagas when they are there.
import type { Logger } from 'pino';
import { hasDatabase } from '../api/define-service.js';
import type { Cpu, ServiceDefinition, ServiceDeps } from '../api/service-definition.js';
import type { Shared } from '../api/shared.js';
import type { WorkerBoot } from '../cluster/messages.js';
import { type ClosableDatabase, createDatabase } from '../db/create-database.js';
import type { Database } from '../db/database.js';
import { sweepIdempotency } from '../db/idempotent-effect.js';
import { addressOf } from '../db/server-url.js';
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { DATABASE_POOLS } from '../memory/layout.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { createSagaEngine, type SagaEngine } from '../saga/engine.js';
import { openSince, releaseOwnersExcept } from '../saga/journal-upkeep.js';
import type { Sagas } from '../saga/saga.js';
import type { Application } from '../server/handler.js';
import { connectionGauges } from '../telemetry/connection-gauges.js';
import type { OwnMetrics } from '../telemetry/service-metrics.js';
import type { Tracing } from '../telemetry/span.js';
import type { Call } from '../upstream/call.js';
import { loadUndici } from '../upstream/undici.js';
import { lastCompensationTurn } from './last-compensation-turn.js';
import { observeDatabase, observeSagas } from './observers.js';
import { Pending, pendingDatabase, pendingSagas, undeclared } from './pending-dependencies.js';

/** Of each service: counted down, where those of services are counted up. */
const JOURNAL_POOLS = DATABASE_POOLS - 1;
const PUBLISH_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 10 * 60 * 1000;

/** Which thread this is, and the settings it runs with. */
export type WorkerIdentity = Pick<WorkerBoot, 'settings' | 'worker' | 'slot' | 'generation' | 'instanceId'>;

/** What a service is to be given instead of `deps`. */
export type ReplaceDeps = (service: ServiceDefinition, deps: ServiceDeps) => ServiceDeps;

/** What all services of a thread share. */
export interface WorkerContext {
  readonly thread: WorkerIdentity;
  readonly block: Block;
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** What each service counts with. */
  readonly metrics: (service: string) => OwnMetrics;
  readonly tracing: Tracing;
  readonly log: Logger;
  readonly call: Call;
  readonly cpu: { tasks(module: URL | undefined): Cpu };
  readonly shared: (service: string) => Shared;
  readonly outfit: ReplaceDeps;
  /** True once something that ran in this thread has brought it down. */
  readonly hasFailed: () => boolean;
  /** When the oldest saga was started that is open in a database of this process. */
  openSagasSince(): Promise<Date | undefined>;
}

/** How a migrated database is reached. */
export interface ServiceDatabase {
  readonly url: string;
  /** No other process uses it: what earlier owners held there is free at once. */
  readonly exclusive: boolean;
}

export class MountedService {
  readonly definition: ServiceDefinition;
  readonly #context: WorkerContext;
  readonly #number: number;
  readonly #log: Logger;
  readonly #db: Pending<Database>;
  readonly #sagas: Pending<Sagas>;
  readonly #deps: ServiceDeps;
  #database: ClosableDatabase | undefined;
  /** Of its own, so that statements of routes do not keep the leases of sagas from being renewed. */
  #journal: ClosableDatabase | undefined;
  #engine: SagaEngine | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  /** @param number of the service in this worker */
  constructor(definition: ServiceDefinition, context: WorkerContext, number: number) {
    const { name, tasks, sagas = [] } = definition;
    this.definition = definition;
    this.#context = context;
    this.#number = number;
    this.#log = context.log.child({ service: name });
    this.#db = new Pending(`The database of service ${name}`);
    this.#sagas = new Pending(`The saga engine of service ${name}`);
    const deps = context.outfit(definition, {
      db: hasDatabase(definition) ? pendingDatabase(this.#db) : undeclared(name, 'database'),
      sagas: sagas.length > 0 ? pendingSagas(this.#sagas) : undeclared(name, 'sagas'),
      call: context.call,
      cpu: context.cpu.tasks(tasks),
      metrics: context.metrics(name),
      shared: context.shared(name),
      // One of its own: what it changes of it concerns no line of the runtime.
      log: this.#log.child({}),
    });
    this.#deps = {
      ...deps,
      // A service that takes it may call over HTTP. What that needs is loaded now, before the worker is
      // ready: in a handler it would be a stall where the thread has a small share of a CPU.
      get call() {
        loadUndici();
        return deps.call;
      },
    };
  }

  get ready(): boolean {
    return this.#db.set || !hasDatabase(this.definition);
  }

  /** Undefined until it has arrived. */
  get database(): Database | undefined {
    return this.#database;
  }

  /** @returns what the service returned, a promise where it is async: the application refuses that */
  routes(app: Application): unknown {
    return this.definition.routes(app, this.#deps);
  }

  /** The database is migrated: connect lazily, take over sagas that others left. */
  async arrive({ url, exclusive }: ServiceDatabase): Promise<void> {
    const { thread, block, clock, recorder, tracing } = this.#context;
    const { name, sagas = [] } = this.definition;
    const connect = (pool: number): ClosableDatabase =>
      createDatabase({
        connection: url,
        service: name,
        settings: thread.settings,
        budget: new DatabaseBudget(block, thread.slot, pool, clock, addressOf(url)),
        log: this.#log,
        observer: observeDatabase(recorder, tracing, name),
      });
    const database = connect(this.#number);
    this.#database = database;
    if (sagas.length > 0) {
      const { call, cpu, shared } = this.#deps;
      const journal = connect(JOURNAL_POOLS - (this.#number % DATABASE_POOLS));
      this.#journal = journal;
      this.#engine = createSagaEngine({
        db: journal,
        definitions: sagas,
        tools: { call, cpu, db: database, shared },
        service: name,
        owner: { instanceId: thread.instanceId, slot: thread.worker, generation: thread.generation },
        log: this.#log,
        lastChanceLock: lastCompensationTurn(block, thread.slot),
        hasFailed: this.#context.hasFailed,
        observer: observeSagas(
          recorder,
          tracing,
          sagas.map((saga) => saga.name),
        ),
      });
      this.#sagas.arrive(this.#engine.sagas);
      if (exclusive) await this.#freeSagas(journal);
      this.#engine.start();
    }
    this.#db.arrive(database);
    this.#every(PUBLISH_EVERY_MS, connectionGauges(recorder, name, this.#pools));
    // One worker of the process is enough; the batches are bounded, so several would do no harm.
    if (thread.worker === 1) this.#every(SWEEP_EVERY_MS, () => void this.#sweep(database));
  }

  /** A short cut: what earlier owners held is free anyway once their leases have run out. */
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

  async openSagasSince(): Promise<Date | undefined> {
    return this.#journal && openSince(this.#journal);
  }

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
      this.#log.warn({ err: error }, 'old idempotency keys could not be deleted; tried again later');
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }
}
