// What an error between a statement and its response means for the caller:
//   nothing changed, may be repeated          UnavailableError, 503 DATABASE_BUSY
//   not executed, refused as it is            StatementError (a constraint, a syntax error)
//   not known whether it was executed         OutcomeUnknownError, never repeated by this module
import type pg from 'pg';
import { DeadlineExceededError, HttpError, ValidationError } from '../errors.js';
import {
  ConnectionLostError,
  databaseBusy,
  OutcomeUnknownError,
  ReplyOverdueError,
} from './database-errors.js';
import { driver } from './driver.js';
import { isStalePlan, StatementError } from './statement-error.js';

/** SQLSTATE query_canceled: the time limit of the statement has passed. */
const CANCELED = '57014';
/** SQLSTATE character_not_in_repertoire: a text has the character U+0000. */
const NOT_STORABLE = '22021';
/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = '25006';
/** Serialization failure, deadlock, lock timeout, out of resources: rolled back; another try may succeed. */
const TRANSIENT = /^(40001|40P01|55P03|53...)$/;

/**
 * Whether the server ends the session with this error. The severity may be translated, so `false` is no proof
 * that the session goes on; that is known once the server is ready for the next statement.
 */
export function endsSession(error: pg.DatabaseError): boolean {
  return error.severity === 'FATAL' || error.severity === 'PANIC';
}

/**
 * Translates an error of the driver. An error that ends the session can come after the commit and before its
 * confirmation, so it counts as a lost connection. Where the session goes on, an error that is not the
 * server's arose in this process while the response was parsed (a value that does not fit its type) and is
 * passed on.
 * @param hasEnded the session has ended
 */
export function fromDriver(error: Error, hasEnded: boolean): Error {
  if (hasEnded) return new ConnectionLostError(error.message, { cause: error });
  return error instanceof driver().DatabaseError ? new StatementError(error) : error;
}

/**
 * Translates an error of this module to the one that a service sees.
 * @param outcome what a missing response means: `unknown` for everything that may change data, `none` where
 *   the session could not have changed any
 */
export function toCaller(error: unknown, outcome: 'unknown' | 'none'): unknown {
  if (error instanceof ConnectionLostError) {
    return outcome === 'unknown' ? new OutcomeUnknownError('INTERNAL', error) : databaseBusy('lost', error);
  }
  if (error instanceof ReplyOverdueError) {
    return outcome === 'unknown'
      ? new OutcomeUnknownError('DEADLINE_EXCEEDED', error)
      : new DeadlineExceededError();
  }
  if (!(error instanceof StatementError)) return error;
  if (error.sqlState === CANCELED) return statementTimedOut(error);
  if (error.sqlState === NOT_STORABLE) return nullCharacter();
  if (error.sqlState === READ_ONLY) return databaseBusy('readOnly', error);
  if (isStalePlan(error)) return databaseBusy('stalePlan', error);
  return TRANSIENT.test(error.sqlState) ? databaseBusy('transient', error) : error;
}

/**
 * Does the same as `toCaller` for a statement that may commit in between, such as CALL: a time limit or a
 * deadlock does not mean that such a statement has changed nothing.
 */
export function toCallerOfNonAtomic(error: unknown): unknown {
  if (!(error instanceof StatementError)) return toCaller(error, 'unknown');
  if (error.sqlState === CANCELED) return new OutcomeUnknownError('DEADLINE_EXCEEDED', error);
  return TRANSIENT.test(error.sqlState) ? new OutcomeUnknownError('INTERNAL', error) : error;
}

/**
 * Whether the server is there but grants no more connections: `too_many_connections` for the server, the role
 * or the database.
 */
export function isConnectionLimitReached(error: unknown): boolean {
  return error instanceof driver().DatabaseError && error.code === '53300';
}

/** PostgreSQL cannot store U+0000 in a text. The text comes from the request, so it is the client's error. */
function nullCharacter(): ValidationError {
  return new ValidationError([{ path: '', message: 'must not contain the character U+0000' }]);
}

function statementTimedOut(cause: StatementError): HttpError {
  return new HttpError('DEADLINE_EXCEEDED', 'The statement ran out of time; nothing was changed.', { cause });
}
