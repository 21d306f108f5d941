// Runs a function in a transaction: borrows a session, begins, commits or rolls back, and returns the
// session, whatever the function does and even if its request is interrupted in the middle.
import { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';
import { Hold, type Holds } from '../hold.js';
import { currentScope } from '../scope.js';
import { OpenTransaction, type TransactionContext } from './open-transaction.js';
import type { ConnectionPool } from './pool.js';
import type { Lease } from './session-lease.js';
import { beforeDeadline } from './transaction-limits.js';

/** Deadline of work outside any request, and of a response that streams. */
const DEFAULT_DEADLINE_MS = 30_000;

/** Deadline of the request, saga step or task that calls; where there is none, 30 s from now. */
export function runningDeadline(): Deadline {
  return (currentScope()?.deadline ?? Deadline.none).orAfter(DEFAULT_DEADLINE_MS);
}

/**
 * The session that a transaction has borrowed. If the request is interrupted, it is rolled back and returned.
 */
class SessionHold extends Hold {
  readonly #pool: ConnectionPool;
  readonly #holds: Holds | undefined = currentScope()?.holds;
  #session: Lease | undefined;
  transaction: OpenTransaction | undefined;

  constructor(pool: ConnectionPool) {
    super();
    this.#pool = pool;
  }

  lend(session: Lease): void {
    this.#session = session;
    this.take(this.#holds);
  }

  onRelease(): void {
    this.returnAfter(this.transaction?.rollback());
  }

  /** Returns the session to the pool once the end of the transaction has settled; undefined: at once. */
  returnAfter(settled: Promise<void> = Promise.resolve()): void {
    void settled.then(() => this.#pool.release(this.#session!));
  }
}

/**
 * Commits when `fn` resolves, rolls back when it rejects or the deadline passes.
 * @throws what `fn` throws; OutcomeUnknownError when the COMMIT was not confirmed; HttpError DATABASE_BUSY,
 *   DEADLINE_EXCEEDED
 */
export async function transact<T>(
  pool: ConnectionPool,
  context: TransactionContext,
  fn: (tx: OpenTransaction) => Promise<T>,
): Promise<T> {
  const deadline = runningDeadline();
  if (deadline.passed) throw new DeadlineExceededError();
  const hold = new SessionHold(pool);
  const session = await context.wait(pool.exclusive(deadline.at, (lease) => hold.lend(lease)));
  const tx = new OpenTransaction(session, context, deadline);
  hold.transaction = tx;
  let settled: Promise<void> | undefined;
  try {
    const value = await beforeDeadline(fn(tx), deadline);
    await tx.commit();
    return value;
  } catch (error) {
    settled = tx.rollback();
    // A rollback is quick, and a caller that tries again needs its locks gone; but none waits past the
    // deadline.
    await context.wait(beforeDeadline(settled, deadline)).catch(() => {});
    throw error;
  } finally {
    if (hold.end()) hold.returnAfter(settled);
  }
}
