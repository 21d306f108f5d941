// The saga journals of the mounted services, for operators. The primary reads them on connections of its own.
import type { Logger } from 'pino';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { type ClosableDatabase, createDatabase } from '../db/create-database.js';
import { addressOf } from '../db/server-url.js';
import { UnavailableError } from '../errors.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { countNeedingAttention } from '../saga/journal-upkeep.js';
import { createSagaOperator, type SagaOperator } from '../saga/operator.js';
import { connectionGauges } from '../telemetry/connection-gauges.js';
import type { SharedState } from './create-shared-state.js';

const PUBLISH_EVERY_MS = 1_000;

export class SagaJournals {
  /** Names of the services that have sagas. */
  readonly #withSagas: ReadonlySet<string>;
  readonly #open: (service: string, url: string) => ClosableDatabase;
  readonly #instanceId: string;
  /** The databases of the journals that are there, by service. */
  readonly #databases = new Map<string, ClosableDatabase>();
  readonly #publish: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(
    services: readonly ServiceDefinition[],
    options: { settings: Settings; sharedState: SharedState; instanceId: string; log: Logger },
  ) {
    const { settings, sharedState, instanceId, log } = options;
    this.#withSagas = new Set(services.filter(({ sagas = [] }) => sagas.length > 0).map(({ name }) => name));
    this.#open = (service, connection) => {
      const { block, clock } = sharedState;
      const budget = new DatabaseBudget(block, 0, this.#databases.size, clock, addressOf(connection));
      const database = createDatabase({ connection, service, settings, budget, log });
      this.#publish.push(connectionGauges(sharedState.recorder, service, [database]));
      return database;
    };
    this.#timer = setInterval(() => {
      for (const publish of this.#publish) publish();
    }, PUBLISH_EVERY_MS).unref();
    this.#instanceId = instanceId;
  }

  /** Called when a service's database is migrated. */
  arrive(service: string, url: string): void {
    if (this.#withSagas.has(service)) this.#databases.set(service, this.#open(service, url));
  }

  /**
   * @throws UnavailableError STARTING until every journal is there: a part of the list would look like all of
   *   it
   */
  operator(): SagaOperator {
    if (this.#databases.size < this.#withSagas.size) {
      throw new UnavailableError('STARTING', 'The saga journals are not all there yet.');
    }
    return createSagaOperator({ dbs: [...this.#databases.values()], instanceId: this.#instanceId });
  }

  /** Counts the sagas that need an operator in the journals that are there, at most `most` in each. */
  async countNeedingAttention(most: number): Promise<number> {
    const counts = await Promise.all(this.services().map((service) => this.countIn(service, most)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Names of the services whose journals are there. */
  services(): readonly string[] {
    return [...this.#databases.keys()];
  }

  /** Counts the sagas of one journal that need an operator, at most `most`. */
  async countIn(service: string, most: number): Promise<number> {
    const database = this.#databases.get(service);
    return database === undefined ? 0 : countNeedingAttention(database, most);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#databases.values()].map((database) => database.close()));
  }
}
