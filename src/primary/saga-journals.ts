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
  readonly #databases: ClosableDatabase[] = [];
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
      const budget = new DatabaseBudget(block, 0, this.#databases.length, clock, addressOf(connection));
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
    if (this.#withSagas.has(service)) this.#databases.push(this.#open(service, url));
  }

  /**
   * @throws UnavailableError STARTING until every journal is there: a part of the list would look like all of
   *   it
   */
  operator(): SagaOperator {
    if (this.#databases.length < this.#withSagas.size) {
      throw new UnavailableError('STARTING', 'The saga journals are not all there yet.');
    }
    return createSagaOperator({ dbs: this.#databases, instanceId: this.#instanceId });
  }

  /** Counts the sagas that need an operator in the journals that are there, at most `most` in each. */
  async countNeedingAttention(most: number): Promise<number> {
    const counts = await Promise.all(this.#databases.map((one) => countNeedingAttention(one, most)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#databases.map((database) => database.close()));
  }
}
