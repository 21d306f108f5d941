// Puts the parts of this room together: what a service gets as `db` in one worker.
import type { Settings } from '../config.js';
import { describeValue, requireFunction, typeErrorFor } from '../options.js';
import type { ConnectionBudget } from './budget.js';
import type {
  Database,
  EffectKey,
  IdempotencyKey,
  QueryResult,
  Row,
  StoredResponse,
  Transaction,
} from './database.js';
import { compensate, outcomeOf, runOnce } from './idempotent-effect.js';
import { Lane } from './lane.js';
import { ConnectionPool, type PoolOptions, type PoolSize } from './pool.js';
import { Rows } from './rows.js';
import { StatementCache } from './statement.js';
import { StatementError } from './statement-error.js';
import { type Observe, runningDeadline, transact } from './transaction.js';

/** Attributes by the OpenTelemetry semantic conventions for database client spans. */
export type SpanAttributes = Readonly<Record<string, string>>;

/** How operations are counted and traced, without this room knowing by what. */
export interface DatabaseObserver {
  /** @param errorType SQLSTATE or name of the error, undefined when it went well */
  record(operation: string, microseconds: number, errorType: string | undefined): void;
  /** Runs `fn` in a client span. Called for every statement: must be cheap when nothing is sampled. */
  span?<T>(name: string, attributes: SpanAttributes, fn: () => Promise<T>): Promise<T>;
}

export interface DatabaseOptions {
  /** URL of the service's own database. */
  readonly connection: string;
  readonly service: string;
  readonly settings: Pick<Settings, 'databaseStatementTimeoutMs' | 'databasePrepare'>;
  readonly budget: ConnectionBudget;
  readonly log: PoolOptions['log'];
  readonly observer?: DatabaseObserver;
}

export interface ClosableDatabase extends Database {
  /** Connections open and callers waiting now. */
  readonly size: PoolSize;
  close(): Promise<void>;
}

const transactionFault = typeErrorFor('db.transaction');

export function createDatabase(options: DatabaseOptions): ClosableDatabase {
  return new ServiceDatabase(options);
}

class ServiceDatabase extends Rows implements ClosableDatabase {
  readonly #pool: ConnectionPool;
  readonly #statements: StatementCache;
  readonly #lane: Lane;
  readonly #observe: Observe;

  constructor({ connection, service, settings, budget, log, observer }: DatabaseOptions) {
    super();
    const { databaseStatementTimeoutMs: statementTimeoutMs, databasePrepare: direct } = settings;
    this.#statements = new StatementCache(direct);
    this.#pool = new ConnectionPool({
      connection: {
        url: connection,
        applicationName: `multilane ${service}`,
        statementTimeoutMs: direct ? statementTimeoutMs : undefined,
      },
      budget,
      readOnlySessions: direct,
      log,
    });
    this.#lane = new Lane({ pool: this.#pool, statements: this.#statements, statementTimeoutMs });
    this.#observe = observe(observer, databaseName(connection));
  }

  get size(): PoolSize {
    return this.#pool.size;
  }

  async query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    const statement = this.#statements.of(text);
    const { at } = runningDeadline();
    const { rows, rowCount } = await this.#observe(statement.operation, text, () =>
      this.#lane.execute(statement, values, at),
    );
    return { rows: rows as R[], rowCount: rowCount ?? 0 };
  }

  async transaction<T>(fn: (tx: Transaction) => Promise<T>, ...others: readonly unknown[]): Promise<T> {
    requireFunction('fn', fn, "async (tx) => tx.one('select 1')", transactionFault);
    if (others.length > 0 && others[0] !== undefined) {
      throw transactionFault(`it has no options, so it does not take ${describeValue(others[0])}`);
    }
    return transact(this.#transactions, (tx) => tx.within(fn));
  }

  idempotent(
    key: IdempotencyKey,
    effect: (tx: Transaction) => Promise<StoredResponse>,
  ): Promise<StoredResponse> {
    return runOnce((fn) => transact(this.#transactions, fn), key, effect);
  }

  compensate(
    key: EffectKey,
    undo: (tx: Transaction, done: StoredResponse | undefined) => Promise<void>,
  ): Promise<void> {
    return compensate((fn) => transact(this.#transactions, fn), key, undo);
  }

  outcomeOf(key: EffectKey): Promise<StoredResponse | undefined> {
    return outcomeOf(this, key);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  get #transactions(): { pool: ConnectionPool; statements: StatementCache; observe: Observe } {
    return { pool: this.#pool, statements: this.#statements, observe: this.#observe };
  }
}

function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

function observe(observer: DatabaseObserver | undefined, database: string): Observe {
  const timed = async <T>(operation: string, text: string, run: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    let errorType: string | undefined;
    try {
      return await run();
    } catch (error) {
      errorType = typeOf(error);
      for (const one of [error, causeOf(error)]) if (one instanceof StatementError) one.recordSender(text);
      throw error;
    } finally {
      observer?.record(operation, Math.round((performance.now() - start) * 1000), errorType);
    }
  };
  if (observer?.span === undefined) return timed;
  return (operation, text, run) => {
    const attributes = {
      'db.system.name': 'postgresql',
      'db.namespace': database,
      'db.operation.name': operation,
      'db.query.text': text,
    };
    return observer.span!(`${operation} ${database}`, attributes, () => timed(operation, text, run));
  };
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { sqlState, code } = error as { readonly sqlState?: unknown; readonly code?: unknown };
  const type = sqlState ?? code;
  return typeof type === 'string' ? type : error.name;
}
