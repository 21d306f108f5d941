// A transaction between BEGIN and COMMIT, on a session of its own.
//
// BEGIN is sent together with the limits of the transaction. Statements are then sent one by one, or ahead
// without waiting for the responses before them, which saves round trips for `db.idempotent`. Whatever the
// code of a service does, nothing is sent after the end of the transaction: it would run in the next one on
// that session.
import type pg from 'pg';
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';
import type { QueryResult, Row, Transaction } from './database.js';
import { ConnectionLostError, DatabaseMisuseError } from './database-errors.js';
import type { Observe, Wait } from './database-observer.js';
import { toCaller } from './error-mapping.js';
import { Rows } from './rows.js';
import type { Lease } from './session-lease.js';
import type { Statement, StatementCache } from './statement.js';
import { isStalePlan } from './statement-error.js';
import { clampMs, setLimitsSql } from './transaction-limits.js';

/** Time for a rollback after the deadline. */
const ROLLBACK_LIMIT_MS = 2_000;

/** What transactions of one database share. */
export interface TransactionContext {
  readonly statements: StatementCache;
  readonly observe: Observe;
  readonly wait: Wait;
}

/** The part of a transaction that a service gets: it cannot commit or roll back by itself. */
class ServiceTransaction extends Rows implements Transaction {
  readonly #tx: OpenTransaction;

  constructor(tx: OpenTransaction) {
    super();
    this.#tx = tx;
  }

  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    return this.#tx.query<R>(text, values);
  }
}

/** Exists from BEGIN to COMMIT or ROLLBACK. Every use after that throws. */
export class OpenTransaction {
  readonly #session: Lease;
  readonly #context: TransactionContext;
  readonly #deadline: Deadline;
  /** Limits that the server has. When a statement is sent they are at most twice the time that is left. */
  #limitMs: number;
  readonly #begun: Promise<unknown>;
  /** Statements that were sent without waiting for them; the commit does. */
  readonly #unconfirmed: Promise<unknown>[] = [];
  /** The function of the service has settled, so its further statements are refused. */
  #isSealed = false;
  #hasEnded = false;
  #isCommitSent = false;
  /** A statement may have changed the session (CALL, DO), which has to be cleaned after the transaction. */
  #mayChangeSession = false;

  constructor(session: Lease, context: TransactionContext, deadline: Deadline) {
    this.#session = session;
    this.#context = context;
    this.#deadline = deadline;
    this.#limitMs = clampMs(deadline.remainingMs());
    // The isolation level is given because the database may have another default.
    const script = `begin isolation level read committed; ${setLimitsSql(this.#limitMs)}`;
    this.#begun = session.sendScript(script, this.#limitMs, deadline.at);
    this.#begun.catch(() => {}); // reported by the first statement and by the commit
  }

  async query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    this.#requireUnsealed();
    const statement = this.#context.statements.of(text);
    if (statement.refusedInTransaction !== undefined) {
      throw new DatabaseMisuseError(statement.refusedInTransaction);
    }
    // If BEGIN failed, the statement would be committed on its own, so BEGIN is waited for.
    await this.begun;
    this.#requireUnsealed();
    const { rows, rowCount } = await this.#send(statement, values);
    return { rows: rows as R[], rowCount: rowCount ?? 0 };
  }

  /**
   * Sends a statement without waiting for BEGIN and returns its first row. Only for statements that do no
   * harm outside a transaction, and only if `begun` is awaited before anything else is done.
   * @throws as `query` does
   */
  async ahead<R>(text: string, values?: readonly unknown[]): Promise<R | undefined> {
    const { rows } = await this.#send(this.#context.statements.of(text), values);
    return rows[0] as R | undefined;
  }

  /** Resolves when BEGIN has succeeded. */
  get begun(): Promise<unknown> {
    return this.#context.wait(this.#confirm(this.#begun));
  }

  /**
   * Runs a function of a service in this transaction. Once it has settled, its statements are refused, also
   * those that are not sent yet: after a statement of `last` they would be part of something else.
   */
  async within<T>(fn: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await fn(new ServiceTransaction(this));
    } finally {
      this.#isSealed = true;
    }
  }

  /**
   * Sends a statement without waiting for it; if it fails, the commit fails.
   * @throws DatabaseMisuseError at once when the transaction has ended
   */
  last(text: string, values?: readonly unknown[]): void {
    this.#requireOpen();
    const sent = this.#send(this.#context.statements.of(text), values);
    sent.catch(() => {}); // reported by the commit
    this.#unconfirmed.push(sent);
  }

  async commit(): Promise<void> {
    this.#requireOpen();
    if (this.#session.broken) throw this.#toCaller(new ConnectionLostError('lost before the commit'));
    this.#hasEnded = true;
    this.#isCommitSent = true;
    const committed = this.#sendCommit();
    committed.catch(() => {}); // an earlier failure is the one that is reported
    const clean = this.#resetSession(this.#limitMs, this.#deadline.at);
    await Promise.all([this.#begun, ...this.#unconfirmed]).catch((error: unknown) => {
      throw toCaller(error, 'unknown');
    });
    const { command } = await committed;
    if (clean !== undefined) await this.#context.wait(clean);
    if (command !== 'COMMIT') {
      throw new Error('nothing was committed: a statement of the transaction had failed before');
    }
  }

  /** Resolves when the session is free again: rolled back, or destroyed. Never rejects. */
  async rollback(): Promise<void> {
    this.#hasEnded = true;
    if (this.#session.broken) return;
    const until = performance.now() + this.#deadline.remainingMs() + ROLLBACK_LIMIT_MS;
    const rolledBack = this.#session.sendScript('rollback', ROLLBACK_LIMIT_MS, until);
    const clean = this.#resetSession(ROLLBACK_LIMIT_MS, until); // a rollback does not release locks of the session
    await rolledBack.catch(() => this.#session.destroy());
    await clean;
  }

  /** Cleans the session if that may be needed; sent right after the end of the transaction. */
  #resetSession(limitMs: number, deadlineAt: number): Promise<void> | undefined {
    return this.#mayChangeSession ? this.#session.resetSession(limitMs, deadlineAt) : undefined;
  }

  #requireUnsealed(): void {
    if (this.#isSealed) throw new DatabaseMisuseError('the transaction has ended');
    this.#requireOpen();
  }

  #requireOpen(): void {
    if (this.#hasEnded) throw new DatabaseMisuseError('the transaction has ended');
    if (this.#deadline.passed) throw new DeadlineExceededError();
  }

  /** Sends a statement: all of them but those of the runtime take this way. */
  async #send(statement: Statement, values: readonly unknown[] | undefined): Promise<pg.QueryResult> {
    this.#requireOpen();
    this.#tightenLimits();
    const { text, name, operation } = statement;
    this.#mayChangeSession ||= statement.mayChangeSession;
    const options = { text, name, values, limitMs: this.#limitMs, deadlineAt: this.#deadline.at };
    return this.#context.observe(operation, text, async () => {
      try {
        return await this.#session.send(options);
      } catch (error) {
        // This transaction fails. With another name the statement gets a new plan in the next one.
        if (isStalePlan(error)) this.#context.statements.renew(statement, name);
        throw this.#toCaller(error);
      }
    });
  }

  /** The limits were set for the time that was left then, and count anew for each statement. */
  #tightenLimits(): void {
    const leftMs = clampMs(this.#deadline.remainingMs());
    if (this.#limitMs <= 2 * leftMs) return;
    this.#limitMs = leftMs;
    // After a statement that has failed this one fails too, which does no harm.
    this.#session.sendScript(setLimitsSql(leftMs), leftMs, this.#deadline.at).catch(() => {});
  }

  #sendCommit(): Promise<pg.QueryResult> {
    const text = 'commit';
    const options = { text, limitMs: this.#limitMs, deadlineAt: this.#deadline.at };
    return this.#context.observe('COMMIT', text, () => this.#confirm(this.#session.send(options)));
  }

  async #confirm<T>(response: Promise<T>): Promise<T> {
    try {
      return await response;
    } catch (error) {
      throw this.#toCaller(error);
    }
  }

  /**
   * Before the COMMIT is sent, a lost connection means that the transaction is rolled back: nothing has
   * happened.
   */
  #toCaller(error: unknown): unknown {
    return toCaller(error, this.#isCommitSent ? 'unknown' : 'none');
  }
}
