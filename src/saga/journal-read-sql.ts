// The statements that read the journal, and the one that frees an old key.

import { AT, STEPS } from './journal-sql-parts.js';
import type { SagaStatus } from './saga.js';

export const LOAD = `select s.*, ${STEPS} from saga s where s.saga_id = $1`;

/**
 * Finds the saga that has the key, or this very id when the start is repeated: $1 id, $2 saga, $3 key, $4
 * kept since (ms).
 */
export const EARLIER = `
select saga_id, status, fingerprint,
       created_at < ${AT('$4::float8')} and status in ('completed', 'compensated') as retired
from saga
where saga_id = $1 or (saga = $2 and idempotency_key = $3 and not key_retired)`;

export const RETIRE_KEY = `update saga set key_retired = true where saga_id = $1`;

export const TIME = `select (extract(epoch from now()) * 1000)::float8 as ms`;

/** Counts sagas that need an operator, up to $1: the partial index finds them. */
export const COUNT_NEEDING_ATTENTION = `
select count(*)::int as count from (select from saga where status = 'needs-attention' limit $1) as found`;

export const OPEN_SINCE = `
select min(created_at) as since from saga where status not in ('completed', 'compensated')`;

/**
 * Lists sagas, newest first: $1 how many, then the name of the saga and the id to continue from as far as
 * they are given. The status is part of the text, so that the planner can use the partial index; it comes
 * from a closed set. The reason of a saga that compensates is the code of the error that started it.
 */
export function listStatement(by: {
  readonly status: SagaStatus | undefined;
  readonly saga: boolean;
  readonly before: boolean;
}): string {
  const conditions = [
    by.status === undefined ? [] : `status = '${by.status}'`,
    by.saga ? 'saga = $2' : [],
    by.before ? `saga_id < $${by.saga ? 3 : 2}` : [],
  ].flat();
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
  return `
select saga_id, saga, version, status, input, idempotency_key,
  coalesce(reason, failure->>'code') as reason, created_at, updated_at
from saga${where} order by saga_id desc limit $1`;
}
