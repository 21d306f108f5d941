// What can go wrong between a statement and its answer, and what a caller may conclude from it.
//   certainly not executed, may be repeated      UnavailableError  503 DATABASE_BUSY
//   certainly not executed, refused as it is     StatementError    (a constraint, a syntax error)
//   nobody knows                                 OutcomeUnknownError, never repeated by this room
import type pg from 'pg';
import { DeadlineExceededError, HttpError, UnavailableError, ValidationError } from '../errors.js';
import { driver } from './driver.js';

/** Characters of a statement that are shown. */
const SHOWN = 300;
/** The folder of a frame. */
const FOLDER = /((?:file:|\/)[^()]*\/)[^/()]+:\d+:\d+\)?$/;

/** The server refused the statement: it had no effect. Says which SQLSTATE, never shown to a client. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  /** https://www.postgresql.org/docs/17/errcodes-appendix.html */
  readonly sqlState: string;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  /** What the server advises. */
  readonly hint: string | undefined;
  /** The function of the server that refused it. The message may be translated, this is not. */
  readonly routine: string | undefined;
  /**
   * The text that was sent, on one line and shortened, around the place where it is wrong; never its values.
   */
  statement: string | undefined;
  readonly #position: number;

  constructor(error: pg.DatabaseError) {
    super(`${error.message} (SQLSTATE ${error.code ?? '?'})`);
    this.sqlState = error.code ?? '';
    this.constraint = error.constraint;
    this.table = error.table;
    this.hint = error.hint;
    this.routine = error.routine;
    this.#position = Number(error.position ?? 1);
  }

  /**
   * To be called in the async function that the caller awaits: the error is made where the response arrives,
   * and there nothing is known of the code that has sent the statement.
   */
  sentBy(text: string): void {
    if (this.statement !== undefined) return;
    const from = Math.max(0, this.#position - 1 - SHOWN / 2);
    const shown = text
      .slice(from, from + SHOWN)
      .replaceAll(/\s+/g, ' ')
      .trim();
    this.statement = `${from > 0 ? '…' : ''}${shown}${from + SHOWN < text.length ? '…' : ''}`;
    Error.captureStackTrace(this);
    this.stack = withoutFirstFolder(String(this.stack));
  }
}

/** A stack from its first frame on that is neither in the folder of the very first one nor of Node.js. */
function withoutFirstFolder(stack: string): string {
  const [head, ...frames] = stack.split(/\n(?=\s+at )/);
  const own = FOLDER.exec(frames[0] ?? '')?.[1] ?? '';
  const first = frames.findIndex((frame) => !frame.includes(own) && !frame.includes('node:internal/'));
  return [head, ...frames.slice(Math.max(0, first))].join('\n');
}

/** A write or a commit was sent and its answer never came: it may have happened or not. */
export class OutcomeUnknownError extends HttpError {
  constructor(code: 'INTERNAL' | 'DEADLINE_EXCEEDED', cause?: unknown) {
    super(code, 'The database did not confirm the statement: its changes, if any, may be made or not.', {
      retryable: false,
      cause,
    });
  }
}

/** This room was used against its rules; a mistake in the code that called it. */
export class DatabaseMisuseError extends Error {
  override readonly name = 'DatabaseMisuseError';
}

/** Inside this room: the connection broke with the statement under way. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** Inside this room: the deadline passed with the statement under way. */
export class ReplyOverdueError extends Error {
  override readonly name = 'ReplyOverdueError';
}

/** True for a duplicate key; with `constraint`, of that constraint or unique index only. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof StatementError &&
    error.sqlState === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  );
}

/**
 * The server ends the session with this error. Its severity may be translated, so false does not mean that it
 * goes on: that it does is known when it is ready for the next statement.
 */
export function endsSession(error: pg.DatabaseError): boolean {
  return error.severity === 'FATAL' || error.severity === 'PANIC';
}

/**
 * What the error of a statement means. An error that ends the session can come after the commit and before
 * its confirmation, so it counts as a lost connection. `isOver`: the session has ended; otherwise an error
 * that is not the server's arose here, from the answer (a value that does not fit its type), and is passed on
 * as it is.
 */
export function fromDriver(error: Error, isOver: boolean): Error {
  if (isOver) return new ConnectionLostError(error.message, { cause: error });
  return error instanceof driver().DatabaseError ? new StatementError(error) : error;
}

/**
 * The error a service sees. `outcome`: what became of the statement if its answer is missing: `unknown` for
 * everything that may change data, `none` where the session could not have changed any.
 */
export function toCaller(error: unknown, outcome: 'unknown' | 'none'): unknown {
  if (error instanceof ConnectionLostError) {
    return outcome === 'unknown' ? new OutcomeUnknownError('INTERNAL', error) : busy('lost', error);
  }
  if (error instanceof ReplyOverdueError) {
    return outcome === 'unknown'
      ? new OutcomeUnknownError('DEADLINE_EXCEEDED', error)
      : new DeadlineExceededError();
  }
  if (!(error instanceof StatementError)) return error;
  if (error.sqlState === '57014') return overtime(error);
  if (error.sqlState === '22021') return unstorable();
  if (error.sqlState === '25006') return busy('readOnly', error);
  if (isStalePlan(error)) return busy('stalePlan', error);
  return TRANSIENT.test(error.sqlState) ? busy('transient', error) : error;
}

/**
 * As `toCaller`, of a statement that may commit in between, such as CALL: that it ran out of time or met
 * another does not mean that it has changed nothing.
 */
export function toCallerOfPieces(error: unknown): unknown {
  if (!(error instanceof StatementError)) return toCaller(error, 'unknown');
  if (error.sqlState === '57014') return new OutcomeUnknownError('DEADLINE_EXCEEDED', error);
  return TRANSIENT.test(error.sqlState) ? new OutcomeUnknownError('INTERNAL', error) : error;
}

/** Serialization failure, deadlock, lock timeout, out of resources: rolled back, another try may do. */
const TRANSIENT = /^(40001|40P01|55P03|53...)$/;

/**
 * The table that a prepared statement was planned for has changed since. It is refused before it runs, on
 * this session for ever: only under another name does it get another plan.
 */
export function isStalePlan(error: unknown): boolean {
  return (
    error instanceof StatementError && error.sqlState === '0A000' && error.routine === 'RevalidateCachedQuery'
  );
}

/**
 * The values do not fit the types of the parameters. Those of a prepared statement are as the columns were
 * when it was prepared.
 */
export function isMisfit(error: unknown): boolean {
  return error instanceof StatementError && MISFIT.test(error.sqlState);
}

/** Out of range, no such text form, type mismatch, no such operator, type not known. */
const MISFIT = /^(22003|22P02|42804|42883|42P18)$/;

const DETAILS = {
  transient: 'The database could not carry out the statement now; nothing was changed.',
  readOnly: 'The database accepts no changes at the moment; nothing was changed.',
  stalePlan: 'A table has changed since the statement was prepared; nothing was changed.',
  lost: 'The connection to the database was lost; nothing was changed.',
  exhausted: 'No database connection became free in time.',
  ungranted: 'No database connection became free in time, and the server grants no more.',
  unreachable: 'The database cannot be reached at the moment.',
  closing: 'The database connections of this worker are being closed.',
} as const;

export function busy(why: keyof typeof DETAILS, cause?: unknown): UnavailableError {
  return new UnavailableError('DATABASE_BUSY', DETAILS[why], 1, cause);
}

/** Too many connections, for the server, the role or the database: it is there, but grants no more. */
export function grantsNoMore(error: unknown): boolean {
  return error instanceof driver().DatabaseError && error.code === '53300';
}

/** PostgreSQL's text has no U+0000. What sends one is a request, so it is told as its fault. */
function unstorable(): ValidationError {
  return new ValidationError([{ path: '', message: 'must not contain the character U+0000' }]);
}

function overtime(cause: StatementError): HttpError {
  return new HttpError('DEADLINE_EXCEEDED', 'The statement ran out of time; nothing was changed.', { cause });
}
