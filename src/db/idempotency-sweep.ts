// Deletes stored idempotency keys that are older than they have to be kept.
import type { Queryable } from './database.js';
import { KEPT_MS, SAGA_KEPT_MS, SAGA_KEY } from './idempotency-keys.js';

const SWEEP = `delete from multilane.idempotency where (route, key) in (
  select route, key from multilane.idempotency
  where created_at < now() - $1 * interval '1 millisecond'
    and (key !~ '${SAGA_KEY}' or created_at < least(now() - $2 * interval '1 millisecond', $3::timestamptz))
  limit $4 for update skip locked)`;

/**
 * Deletes in batches, which lock few rows for a short time.
 * @param openSince start of the oldest saga that is open in this process; undefined: there is none
 * @returns number of keys that were deleted
 */
export async function sweepIdempotency(
  db: Queryable,
  openSince: Date | undefined,
  batch = 1000,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const { rowCount } = await db.query(SWEEP, [KEPT_MS, SAGA_KEPT_MS, openSince ?? null, batch]);
    deleted += rowCount;
    if (rowCount < batch) return deleted;
  }
}
