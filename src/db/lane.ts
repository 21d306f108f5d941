// The pipelined lane: single autocommit statements on sessions that all callers share. A BEGIN on one of them
// would put the statements of other callers into its transaction, so the texts are checked. A statement that
// may have changed data is never sent twice.
import type pg from 'pg';
import { DeadlineExceededError } from '../errors.js';
import type { Connection } from './connection.js';
import { ConnectionLostError, DatabaseMisuseError } from './database-errors.js';
import { toCaller, toCallerOfNonAtomic } from './error-mapping.js';
import type { ConnectionPool } from './pool.js';
import { acts, type Statement, type StatementCache } from './statement.js';
import { isParameterMismatch, isStalePlan, StatementError } from './statement-error.js';

/** Times that a statement is sent at most. */
const ATTEMPTS = 3;

export interface LaneOptions {
  readonly pool: ConnectionPool;
  readonly statements: StatementCache;
  readonly statementTimeoutMs: number;
}

export class Lane {
  readonly #options: LaneOptions;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /**
   * Carries out a statement, and repeats it if it has certainly changed nothing.
   * @throws DatabaseMisuseError, StatementError, OutcomeUnknownError, HttpError DATABASE_BUSY,
   *   DEADLINE_EXCEEDED
   */
  async execute(
    statement: Statement,
    values: readonly unknown[] | undefined,
    deadlineAt: number,
  ): Promise<pg.QueryResult> {
    if (statement.refusedOnLane !== undefined) throw new DatabaseMisuseError(statement.refusedOnLane);
    const { pool, statements } = this.#options;
    let name = statement.name;
    /** Name of the prepared statement whose parameters the values did not match. */
    let misfit: string | undefined;
    for (let attempt = 1; ; attempt++) {
      if (performance.now() >= deadlineAt) throw new DeadlineExceededError();
      let readOnly = true; // until the statement is sent, nothing can have changed
      const send = (connection: Connection): Promise<pg.QueryResult> => {
        readOnly = connection.readOnly;
        const limitMs = this.#options.statementTimeoutMs;
        const { text, cost, mayChangeSession } = statement;
        const sent = connection.send({ text, name, values, limitMs, deadlineAt, cost });
        // Sent at once, so that no statement of another caller comes in between.
        if (mayChangeSession) void connection.resetSession(limitMs, deadlineAt);
        return sent;
      };
      const connection = pool.shared(statement.kind);
      try {
        const result = await (connection ? send(connection) : pool.whenShared(statement, deadlineAt, send));
        // Only now it is known that the prepared statement was outdated, not the values wrong. Otherwise
        // wrong values of clients would use up one name after the other.
        if (misfit !== undefined) statements.renew(statement, misfit);
        return result;
      } catch (error) {
        if (attempt === ATTEMPTS || !this.#mayRepeat(error, statement, name, readOnly)) {
          throw statement.isAtomic
            ? toCaller(error, readOnly ? 'none' : 'unknown')
            : toCallerOfNonAtomic(error);
        }
        if (isParameterMismatch(error)) misfit = name;
        name = undefined;
      }
    }
  }

  /**
   * Whether the statement has certainly changed nothing: it was refused before it ran, or lost on a session
   * that cannot write.
   */
  #mayRepeat(error: unknown, statement: Statement, name: string | undefined, readOnly: boolean): boolean {
    if (error instanceof ConnectionLostError) return readOnly;
    if (!(error instanceof StatementError) || !statement.isAtomic) return false;
    if (isStalePlan(error)) {
      this.#options.statements.renew(statement, name);
      return true;
    }
    if (isParameterMismatch(error)) return name !== undefined && !acts(statement.text);
    switch (error.sqlState) {
      case '25006': // it looked like a read, but writes
        statement.kind = 'write';
        return readOnly;
      // The prepared statement does not exist, or exists already: its first use failed, or a pooler has
      // changed the session.
      case '26000':
      case '42P05':
        return true;
      default:
        return false;
    }
  }
}
