// The saga journals of the mounted services, for operators: a look at them from the primary, on lanes of its
// own.
import type { Logger } from 'pino';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { type ClosableDatabase, createDatabase } from '../db/create-database.js';
import { addressOf } from '../db/server-url.js';
import { UnavailableError } from '../errors.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { createSagaOperator, type SagaOperator } from '../saga/operator.js';
import { connectionGauges } from '../telemetry/connection-gauges.js';
import type { SharedState } from './shared-state.js';

const PUBLISH_EVERY_MS = 1_000;

export class SagaJournals {
  readonly #keepers: ReadonlySet<string>;
  readonly #open: (service: string, url: string) => ClosableDatabase;
  readonly #instanceId: string;
  readonly #databases: ClosableDatabase[] = [];
  readonly #publish: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(
    services: readonly ServiceDefinition[],
    parts: { settings: Settings; sharedState: SharedState; instanceId: string; log: Logger },
  ) {
    const { settings, sharedState, instanceId, log } = parts;
    this.#keepers = new Set(services.filter(({ sagas = [] }) => sagas.length > 0).map(({ name }) => name));
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

  /** A service's database is migrated. */
  arrive(service: string, url: string): void {
    if (this.#keepers.has(service)) this.#databases.push(this.#open(service, url));
  }

  /**
   * @throws UnavailableError STARTING until every journal is there: half a list would look like a whole one
   */
  operator(): SagaOperator {
    if (this.#databases.length < this.#keepers.size) {
      throw new UnavailableError('STARTING', 'The saga journals are not all there yet.');
    }
    return createSagaOperator({ dbs: this.#databases, instanceId: this.#instanceId });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#databases.map((database) => database.close()));
  }
}
