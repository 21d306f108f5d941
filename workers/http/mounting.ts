// One mounted service in this worker: its routes at once, its database and sagas when they are there.
import type { Logger } from 'pino';
import type { CpuClient } from '#src/cluster/cpu-client.js';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { type ClosableDatabase, createDatabase } from '#src/db/create-database.js';
import type { Database } from '#src/db/database.js';
import { sweepIdempotency } from '#src/db/idempotency.js';
import type { Block } from '#src/memory/block.js';
import type { Clock } from '#src/memory/clock.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';
import type { Recorder } from '#src/memory/recorder.js';
import { createSagaEngine, type SagaEngine } from '#src/saga/engine.js';
import { releaseOwnersExcept } from '#src/saga/pg-journal.js';
import type { Sagas } from '#src/saga/saga.js';
import type { Application } from '#src/server/handler.js';
import { hasDatabase } from '#src/services/mounted.js';
import type { ServiceDefinition, ServiceDeps } from '#src/services/service.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';
import type { Tracing } from '#src/telemetry/span.js';
import type { Call } from '#src/upstream/call.js';
import { absent, Late, lateDatabase, lateSagas } from './late.js';
import { observeConnections, observeDatabase, observeSagas } from './observers.js';

/**
 * Clients may count on 24 hours. A saga's undo finds what it undoes by the same keys, and may
 * come as late as its retries and 24 hours of compensation: three days leave it room.
 */
const KEPT_MS = 3 * 24 * 60 * 60 * 1000;
const PUBLISH_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 10 * 60 * 1000;

/** What all services of a worker share. */
export interface Surroundings {
  readonly boot: WorkerBoot;
  readonly block: Block;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly tracing: Tracing;
  readonly log: Logger;
  readonly call: Call;
  readonly cpu: CpuClient;
}

/** How a migrated database is reached. */
export interface ServiceDatabase {
  readonly url: string;
  /** No other process uses it: what earlier owners held there is free at once. */
  readonly exclusive: boolean;
}

export class MountedService {
  readonly definition: ServiceDefinition;
  readonly #surroundings: Surroundings;
  readonly #log: Logger;
  readonly #lateDb: Late<Database>;
  readonly #lateSagas: Late<Sagas>;
  readonly #deps: ServiceDeps;
  #database: ClosableDatabase | undefined;
  #engine: SagaEngine | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(definition: ServiceDefinition, surroundings: Surroundings) {
    const { name, tasks, sagas = [] } = definition;
    this.definition = definition;
    this.#surroundings = surroundings;
    this.#log = surroundings.log.child({ service: name });
    this.#lateDb = new Late(`The database of service ${name}`);
    this.#lateSagas = new Late(`The saga engine of service ${name}`);
    this.#deps = {
      db: hasDatabase(definition) ? lateDatabase(this.#lateDb) : absent(name, 'database'),
      sagas: sagas.length > 0 ? lateSagas(this.#lateSagas) : absent(name, 'sagas'),
      call: surroundings.call,
      cpu: surroundings.cpu.tasks(tasks),
      metrics: serviceMetrics(surroundings.recorder),
      log: this.#log,
    };
  }

  get ready(): boolean {
    return this.#lateDb.set || !hasDatabase(this.definition);
  }

  routes(app: Application): void {
    this.definition.routes(app, this.#deps);
  }

  /** The database is migrated: connect lazily, take over sagas that others left. */
  async arrive({ url, exclusive }: ServiceDatabase): Promise<void> {
    const { boot, block, clock, recorder, tracing } = this.#surroundings;
    const { name, sagas = [] } = this.definition;
    const database = createDatabase({
      connection: url,
      service: name,
      settings: boot.settings,
      budget: new DatabaseBudget(block, boot.slot, clock),
      log: this.#log,
      observer: observeDatabase(recorder, tracing, name),
    });
    this.#database = database;
    if (sagas.length > 0) {
      const { call, cpu } = this.#deps;
      this.#engine = createSagaEngine({
        db: database,
        definitions: sagas,
        tools: { call, cpu, db: database },
        service: name,
        owner: { instanceId: boot.instanceId, slot: boot.worker, generation: boot.generation },
        log: this.#log,
        observer: observeSagas(
          recorder,
          tracing,
          sagas.map((saga) => saga.name),
        ),
      });
      this.#lateSagas.arrive(this.#engine.sagas);
      if (exclusive) await releaseOwnersExcept(database, boot.instanceId);
      this.#engine.start();
    }
    this.#lateDb.arrive(database);
    this.#every(PUBLISH_EVERY_MS, observeConnections(recorder, name, database));
    // One worker of the process is enough; the batches are bounded, so several would do no harm.
    if (boot.worker === 1) this.#every(SWEEP_EVERY_MS, () => void this.#sweep(database));
  }

  async drain(withinMs: number, arrivals: Promise<void>): Promise<void> {
    await this.#engine?.drain(withinMs, arrivals);
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }

  async #sweep(database: Database): Promise<void> {
    try {
      await sweepIdempotency(database, KEPT_MS);
    } catch (error) {
      this.#log.warn({ err: error }, 'old idempotency keys could not be deleted; tried again later');
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#database?.close();
  }
}
