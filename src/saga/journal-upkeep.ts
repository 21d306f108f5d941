// Operations on a whole journal, beside those of a worker's own sagas.
import type { Queryable } from '../db/database.js';
import { RELEASE_EXCEPT } from './journal-lease-sql.js';
import { COUNT_NEEDING_ATTENTION, OPEN_SINCE } from './journal-read-sql.js';

/**
 * Releases at once the sagas of every instance but this one, instead of waiting until their leases expire.
 * Only for a caller that knows that no other instance is alive: the holder of an embedded database's lock.
 * @returns how many sagas were released
 */
export async function releaseOwnersExcept(db: Queryable, instanceId: string): Promise<number> {
  const { rowCount } = await db.query(RELEASE_EXCEPT, [instanceId]);
  return rowCount;
}

/** When the oldest unfinished saga was started, which may still need the stored results of its steps. */
export async function openSince(db: Queryable): Promise<Date | undefined> {
  const row = await db.one<{ readonly since: Date | null }>(OPEN_SINCE);
  return row.since ?? undefined;
}

/** The number of sagas that need an operator, at most `most`. */
export async function countNeedingAttention(db: Queryable, most: number): Promise<number> {
  const { count } = await db.one<{ readonly count: number }>(COUNT_NEEDING_ATTENTION, [most]);
  return count;
}
