// The errors of the database module beside StatementError: those that services see, and two that stay inside
// the module until `error-mapping` translates them.
import { HttpError, UnavailableError } from '../errors.js';

/**
 * A write or a commit was sent and its confirmation never came: its changes may have been made or not. It is
 * never repeated by the runtime. Test for this class before looking at `code`: the same codes also stand for
 * errors that changed nothing.
 */
export class OutcomeUnknownError extends HttpError {
  constructor(code: 'INTERNAL' | 'DEADLINE_EXCEEDED', cause?: unknown) {
    super(code, 'The database did not confirm the statement: its changes, if any, may be made or not.', {
      retryable: false,
      cause,
    });
  }
}

/**
 * The database was used in a way that it does not permit. Nothing was sent; the calling code has to change.
 */
export class DatabaseMisuseError extends Error {
  override readonly name = 'DatabaseMisuseError';
}

/** The connection was lost while the statement was under way. Never leaves this module. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** The deadline passed while the statement was under way. Never leaves this module. */
export class ReplyOverdueError extends Error {
  override readonly name = 'ReplyOverdueError';
}

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

/** Creates the error of a statement that has certainly changed nothing and may be repeated. */
export function databaseBusy(reason: keyof typeof DETAILS, cause?: unknown): UnavailableError {
  return new UnavailableError('DATABASE_BUSY', DETAILS[reason], 1, cause);
}
