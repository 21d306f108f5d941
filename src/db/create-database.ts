// Makes what a service gets as `db` in one worker: single statements go to shared sessions (lane),
// transactions to a session of their own (transact), and both take their sessions from one pool.
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
import { type DatabaseObserver, type Observe, observeBy, waitBy } from './database-observer.js';
import { compensate, outcomeOf, runIdempotent, type Transact } from './idempotent-effect.js';
import { Lane } from './lane.js';
import { ConnectionPool, type PoolOptions, type PoolSize } from './pool.js';
import { Rows } from './rows.js';
import { StatementCache } from './statement.js';
import { runningDeadline, transact } from './transact.js';

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
  /** Connections that are open and callers that wait, at this moment. */
  readonly size: PoolSize;
  /** Time that callers have waited for a connection so far, added up, in milliseconds. */
  readonly waitedMs: number;
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
  readonly #transact: Transact;

  constructor({ connection, service, settings, budget, log, observer }: DatabaseOptions) {
    super();
    const { databaseStatementTimeoutMs: statementTimeoutMs, databasePrepare: isDirect } = settings;
    const statements = new StatementCache(isDirect);
    const pool = new ConnectionPool({
      connection: {
        url: connection,
        applicationName: `multilane ${service}`,
        statementTimeoutMs: isDirect ? statementTimeoutMs : undefined,
      },
      budget,
      readOnlySessions: isDirect,
      log,
    });
    this.#statements = statements;
    this.#pool = pool;
    this.#lane = new Lane({ pool, statements, statementTimeoutMs });
    this.#observe = observeBy(observer);
    const context = { statements, observe: this.#observe, wait: waitBy(observer) };
    this.#transact = (fn) => transact(pool, context, fn);
  }

  get size(): PoolSize {
    return this.#pool.size;
  }

  get waitedMs(): number {
    return this.#pool.waitedMs;
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
    return this.#transact((tx) => tx.within(fn));
  }

  idempotent(
    key: IdempotencyKey,
    effect: (tx: Transaction) => Promise<StoredResponse>,
  ): Promise<StoredResponse> {
    return runIdempotent(this.#transact, key, effect);
  }

  compensate(
    key: EffectKey,
    undo: (tx: Transaction, done: StoredResponse | undefined) => Promise<void>,
  ): Promise<void> {
    return compensate(this.#transact, key, undo);
  }

  outcomeOf(key: EffectKey): Promise<StoredResponse | undefined> {
    return outcomeOf(this, key);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
