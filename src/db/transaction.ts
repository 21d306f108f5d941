// BEGIN … COMMIT on a session of its own, bounded by the deadline of the running scope on both sides: the
// server gets what is left as the limit of a statement and of the time between two, and our side lets go at
// the deadline whatever the code inside does.
import type pg from 'pg';
import { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';
import { Hold, type Holds } from '../hold.js';
import { currentScope } from '../scope.js';
import type { QueryResult, Row, Transaction } from './database.js';
import { ConnectionLostError, DatabaseMisuseError } from './database-errors.js';
import { toCaller } from './error-mapping.js';
import type { Lease } from './lease.js';
import type { ConnectionPool } from './pool.js';
import { Rows } from './rows.js';
import type { Statement, StatementCache } from './statement.js';
import { isStalePlan } from './statement-error.js';

/** For work outside any request. */
const DEFAULT_DEADLINE_MS = 30_000;
const ROLLBACK_LIMIT_MS = 2_000;
/**
 * The server ends the session of a host that has vanished, and with it the locks: so long after the deadline,
 * and by as much later as was left when the last statement was sent.
 */
const VANISHED_MS = 1_000;

export type Observe = <T>(operation: string, text: string, run: () => Promise<T>) => Promise<T>;

export interface TransactionOptions {
  readonly pool: ConnectionPool;
  readonly statements: StatementCache;
  readonly observe: Observe;
}

export function runningDeadline(): Deadline {
  return currentScope()?.deadline ?? Deadline.after(DEFAULT_DEADLINE_MS);
}

/** The session of a transaction. What breaks the transaction off rolls it back. */
class Loan extends Hold {
  readonly #pool: ConnectionPool;
  readonly #holds: Holds | undefined = currentScope()?.holds;
  #session: Lease | undefined;
  tx: OpenTransaction | undefined;

  constructor(pool: ConnectionPool) {
    super();
    this.#pool = pool;
  }

  lend(session: Lease): void {
    this.#session = session;
    this.take(this.#holds);
  }

  onRelease(settled = this.tx?.rollback()): void {
    void (settled ?? Promise.resolve()).then(() => this.#pool.release(this.#session!));
  }
}

/**
 * Commits when `fn` resolves, rolls back when it throws or the deadline passes.
 * @throws what `fn` throws; OutcomeUnknownError when the COMMIT was not confirmed; HttpError DATABASE_BUSY,
 *   DEADLINE_EXCEEDED
 */
export async function transact<T>(
  options: TransactionOptions,
  fn: (tx: OpenTransaction) => Promise<T>,
): Promise<T> {
  const deadline = runningDeadline();
  if (deadline.passed) throw new DeadlineExceededError();
  const loan = new Loan(options.pool);
  const session = await options.pool.exclusive(deadline.at, (lease) => loan.lend(lease));
  const tx = new OpenTransaction(session, options, deadline);
  loan.tx = tx;
  let settled: Promise<void> | undefined;
  try {
    const value = await beforeDeadline(fn(tx), deadline);
    await tx.commit();
    return value;
  } catch (error) {
    settled = tx.rollback();
    // A rollback is quick, and whoever tries again wants the locks gone; but nobody waits past the deadline.
    await beforeDeadline(settled, deadline).catch(() => {});
    throw error;
  } finally {
    if (loan.end()) loan.onRelease(settled ?? Promise.resolve());
  }
}

async function beforeDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceededError()), clamp(deadline.remainingMs()));
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}

/** Milliseconds as both `setTimeout` and `statement_timeout` take them; to the latter 0 would mean never. */
function clamp(ms: number): number {
  return Math.min(0x7fffffff, Math.max(1, Math.ceil(ms)));
}

const limits = (ms: number): string =>
  `set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${clamp(ms + VANISHED_MS)}`;

/** What a service is given of a transaction: its end is not for the service to decide. */
class GivenTransaction extends Rows implements Transaction {
  readonly #tx: OpenTransaction;

  constructor(tx: OpenTransaction) {
    super();
    this.#tx = tx;
  }

  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    return this.#tx.query<R>(text, values);
  }
}

/** Lives from BEGIN to COMMIT or ROLLBACK; used after that, it throws. */
export class OpenTransaction {
  readonly #session: Lease;
  readonly #options: TransactionOptions;
  readonly #deadline: Deadline;
  /** What the server has as its limits: never more than twice what is left when a statement is sent. */
  #limitMs: number;
  readonly #begun: Promise<unknown>;
  readonly #unconfirmed: Promise<unknown>[] = [];
  #sealed = false;
  #ended = false;
  #commitSent = false;
  #mayChangeSession = false;

  constructor(session: Lease, options: TransactionOptions, deadline: Deadline) {
    this.#session = session;
    this.#options = options;
    this.#deadline = deadline;
    this.#limitMs = clamp(deadline.remainingMs());
    // Whatever the database has as its default.
    const script = `begin isolation level read committed; ${limits(this.#limitMs)}`;
    this.#begun = session.sendScript(script, this.#limitMs, deadline.at);
    this.#begun.catch(() => {}); // told by the first statement and by the commit
  }

  async query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    this.#requireUnsealed();
    const statement = this.#options.statements.of(text);
    if (statement.refusedInTransaction !== undefined) {
      throw new DatabaseMisuseError(statement.refusedInTransaction);
    }
    // Outside a transaction it would be committed on its own, so BEGIN is waited for.
    await this.#confirm(this.#begun);
    this.#requireUnsealed();
    const { rows, rowCount } = await this.#send(statement, values);
    return { rows: rows as R[], rowCount: rowCount ?? 0 };
  }

  /**
   * Sends without waiting for BEGIN: only for statements that do no harm outside a transaction, and only if
   * `begun` is awaited before anything else is done.
   * @throws as `query`
   */
  async ahead<R>(text: string, values?: readonly unknown[]): Promise<R | undefined> {
    const { rows } = await this.#send(this.#options.statements.of(text), values);
    return rows[0] as R | undefined;
  }

  get begun(): Promise<unknown> {
    return this.#confirm(this.#begun);
  }

  /**
   * Runs what others do in this transaction. When it has settled, their statements are refused, also those
   * whose turn has not come: behind `last` they would be part of something else.
   */
  async within<T>(fn: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await fn(new GivenTransaction(this));
    } finally {
      this.#sealed = true;
    }
  }

  /** Sends without waiting; a failure fails the commit. @throws at once when the transaction has ended */
  last(text: string, values?: readonly unknown[]): void {
    this.#requireOpen();
    const sent = this.#send(this.#options.statements.of(text), values);
    sent.catch(() => {}); // told by the commit
    this.#unconfirmed.push(sent);
  }

  async commit(): Promise<void> {
    this.#requireOpen();
    if (this.#session.broken) throw this.#toCaller(new ConnectionLostError('lost before the commit'));
    this.#ended = true;
    this.#commitSent = true;
    const committed = this.#control('commit');
    committed.catch(() => {}); // the first failure is the one to tell
    const clean = this.#cleanse(this.#limitMs, this.#deadline.at);
    await Promise.all([this.#begun, ...this.#unconfirmed]).catch((error: unknown) => {
      throw toCaller(error, 'unknown');
    });
    const { command } = await committed;
    await clean;
    if (command !== 'COMMIT') {
      throw new Error('nothing was committed: a statement of the transaction had failed before');
    }
  }

  /** Resolves when the session is free again, one way or the other. */
  async rollback(): Promise<void> {
    this.#ended = true;
    if (this.#session.broken) return;
    const until = performance.now() + this.#deadline.remainingMs() + ROLLBACK_LIMIT_MS;
    const rolledBack = this.#session.sendScript('rollback', ROLLBACK_LIMIT_MS, until);
    const clean = this.#cleanse(ROLLBACK_LIMIT_MS, until); // locks of the session are not rolled back
    await rolledBack.catch(() => this.#session.destroy());
    await clean;
  }

  /** Sent in one go with the end of the transaction. */
  #cleanse(limitMs: number, deadlineAt: number): Promise<void> | undefined {
    return this.#mayChangeSession ? this.#session.cleanse(limitMs, deadlineAt) : undefined;
  }

  #requireUnsealed(): void {
    if (this.#sealed) throw new DatabaseMisuseError('the transaction has ended');
    this.#requireOpen();
  }

  #requireOpen(): void {
    if (this.#ended) throw new DatabaseMisuseError('the transaction has ended');
    if (this.#deadline.passed) throw new DeadlineExceededError();
  }

  /** The one way of a statement to the session. */
  async #send(statement: Statement, values: readonly unknown[] | undefined): Promise<pg.QueryResult> {
    this.#requireOpen();
    this.#tightenLimits();
    const { text, name, operation } = statement;
    this.#mayChangeSession ||= statement.mayChangeSession;
    const options = { text, name, values, limitMs: this.#limitMs, deadlineAt: this.#deadline.at };
    return this.#options.observe(operation, text, async () => {
      try {
        return await this.#session.send(options);
      } catch (error) {
        // This transaction is lost with it; the next one is not.
        if (isStalePlan(error)) this.#options.statements.renew(statement, name);
        throw this.#toCaller(error);
      }
    });
  }

  /** They were set for what was left then, and count from each statement anew. */
  #tightenLimits(): void {
    const leftMs = clamp(this.#deadline.remainingMs());
    if (this.#limitMs <= 2 * leftMs) return;
    this.#limitMs = leftMs;
    // Behind a statement that has failed it fails, too, and changes nothing.
    this.#session.sendScript(limits(leftMs), leftMs, this.#deadline.at).catch(() => {});
  }

  #control(text: 'commit'): Promise<pg.QueryResult> {
    const options = { text, limitMs: this.#limitMs, deadlineAt: this.#deadline.at };
    return this.#options.observe('COMMIT', text, () => this.#confirm(this.#session.send(options)));
  }

  async #confirm<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#toCaller(error);
    }
  }

  /** Before the COMMIT is sent a lost answer means a rolled back transaction: nothing happened. */
  #toCaller(error: unknown): unknown {
    return toCaller(error, this.#commitSent ? 'unknown' : 'none');
  }
}
