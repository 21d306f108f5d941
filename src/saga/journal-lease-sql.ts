// The statements that renew, restart and release leases.
import { AT, IN, MS, OPEN } from './journal-sql-parts.js';

/** The whole length of a lease of $1 (ms) or of a pause, from the moment at which it was set. */
const LENGTH = MS(`case when status = 'waiting' then pause_ms else $1::float8 end`);
/**
 * Restarts leases and pauses that end later than they can have been set: they were written before the
 * server's clock was set back. $1 lease (ms), $2 time (ms), $3 how many at most. A restarted lease lasts at
 * most twice as long, and a live runner has time to renew it. Nothing is changed when the server's clock
 * shows less than $2: it was set since the worker read it.
 */
export const REDATE = `
with ahead as (
  select saga_id from saga
  where ${OPEN} and lease_until > now() + ${LENGTH} and now() >= ${AT('$2::float8')}
  limit $3
  for update skip locked
)
update saga set lease_until = now() + ${LENGTH} from ahead where saga.saga_id = ahead.saga_id`;

/**
 * Renews the leases of the holds in $2 and $3. $1 lease (ms), $4 time, see IN. A lease that ends far ahead,
 * because the server's clock was set back, becomes shorter. Waiting sagas are not changed. Returns the holds
 * that are still valid, and whether each was renewed: a row that another session has locked is not.
 */
export const RENEW = `
with wanted as materialized (
  select * from unnest($2::uuid[], $3::int8[]) as h(saga_id, fence)
), held as (
  select s.saga_id, s.fence
  from wanted h
  join saga s using (saga_id, fence)
  where s.status in ('running', 'compensating')
  for update of s skip locked
), renewed as (
  update saga s
  set lease_until = ${IN('$1::float8', '$4')}
  from held
  where s.saga_id = held.saga_id and s.fence = held.fence
  returning s.saga_id
)
select saga_id, saga_id in (select saga_id from renewed) as renewed from wanted join saga s using (saga_id, fence)`;

/**
 * Releases the holds in $1 and $2. With $3, interrupted attempts are not counted, except those that the
 * holder found begun and has not written since. The fence grows, so pending writes of the holder are refused.
 * Returns the holds whose rows another session has locked; they keep their lease.
 */
export const RELEASE = `
with held as (
  select s.saga_id, s.fence
  from unnest($1::uuid[], $2::int8[]) as h(saga_id, fence)
  join saga s on s.saga_id = h.saga_id and s.fence = h.fence and s.status in ('running', 'compensating')
  for update of s skip locked
), freed as (
  update saga s
  set owner = null, fence = s.fence + 1, lease_until = now()
  from held
  where s.saga_id = held.saga_id and s.fence = held.fence
  returning s.saga_id, s.write_no
), interrupted as (
  select t.saga_id, t.position
  from saga_step t join freed using (saga_id)
  where $3 and freed.write_no > 0 and t.status in ('running', 'compensating')
  for update of t skip locked
), uncounted as (
  update saga_step t
  set undo_unended = 0,
      attempts = case when t.status = 'running' then greatest(t.attempts - 1, 0) else t.attempts end
  from interrupted b
  where t.saga_id = b.saga_id and t.position = b.position
)
select saga_id, fence
from unnest($1::uuid[], $2::int8[]) as h(saga_id, fence)
join saga s using (saga_id, fence)
where s.status in ('running', 'compensating') and saga_id not in (select saga_id from held)`;

/**
 * Releases the sagas of every instance but $1, the one that is alive. Rows that another session has locked
 * keep their lease.
 */
export const RELEASE_EXCEPT = `
with left_behind as (
  select saga_id from saga
  where status in ('running', 'compensating') and owner is not null and not starts_with(owner, $1 || ':')
  for update skip locked
)
update saga
set owner = null, fence = fence + 1, lease_until = now()
from left_behind
where saga.saga_id = left_behind.saga_id`;
