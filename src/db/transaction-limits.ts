// The time limits of a transaction, on both sides: the server gets the time until the deadline as the limit
// of each statement and of the pause between two, and this process stops waiting at the deadline.
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';

/**
 * How much longer the server waits for the next statement than for the end of one. If the host of this
 * process vanishes, the server ends the session and its locks when it has waited for the time that was left
 * when the last statement was sent, plus this time.
 */
const PAUSE_MARGIN_MS = 1_000;
/** The greatest number that `setTimeout` and PostgreSQL's settings take. */
const MAX_MS = 0x7fffffff;

/**
 * Whole milliseconds for `setTimeout` and `statement_timeout`; at least 1, because 0 means "never" to the
 * latter.
 */
export function clampMs(ms: number): number {
  return Math.min(MAX_MS, Math.max(1, Math.ceil(ms)));
}

/** SQL that sets the limits of the transaction that is open. */
export const setLimitsSql = (ms: number): string =>
  `set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${clampMs(ms + PAUSE_MARGIN_MS)}`;

/** Settles as the work does, or rejects at the deadline. @throws DeadlineExceededError */
export async function beforeDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceededError()), clampMs(deadline.remainingMs()));
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
