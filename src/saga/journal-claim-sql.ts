// The statements that take sagas over: by a worker that claims them, or by an operator that takes one.
import { AT, DUE, IN, isKnown, STEPS } from './journal-sql-parts.js';

/** Bytes of the values of a small saga, which a worker claims even when its byte limit is reached. */
const SMALL = 16_384;
const RESULTS = (of: string): string =>
  `(select coalesce(sum(result_length), 0) from saga_step t where t.saga_id = ${of}.saga_id)`;

/**
 * Claims due sagas. $1 owner; $2 lease (ms); $3 how many at most; $4..$6 known definitions (steps as one
 * text); $7 how long (ms) sagas of other definitions must have been due, null: they are not claimed; $8 bytes
 * of values, beyond which only small sagas are claimed; $9 the latest time (ms): a claim that was delayed by
 * the network or by a suspended server would take sagas whose renewal was delayed by the same; $10 when (ms)
 * the lease of a runner that has not released its saga must have expired, null: only released sagas are
 * claimed; $11 time, see IN. Rows that another worker is claiming are skipped. The sagas that were updated
 * longest ago come first: ordered by age, old sagas that are retried again and again would keep all others
 * waiting.
 */
export const CLAIM = `
with due as (
  select saga_id, status as previous_status, updated_at, input_length from saga
  where ${DUE} and (lease_until <= now() - $7::float8 * interval '1 millisecond' or ${isKnown(['$4', '$5', '$6'])})
    and now() <= ${AT('$9::float8')} and (owner is null or lease_until <= ${AT('$10::float8')})
    and ($8::float8 > 0 or input_length + ${RESULTS('saga')} < ${SMALL})
  order by updated_at
  limit $3
  for update skip locked
), sized as (
  select saga_id, previous_status, sum(input_length + results) over (order by updated_at, saga_id) - input_length - results as before,
         input_length + results as size
  from due, lateral (select ${RESULTS('due')} as results) r
), s as (
  update saga
  set owner = $1, fence = fence + 1, write_no = 0, lease_until = ${IN('$2::float8', '$11')},
      status = case when failure is null then 'running' else 'compensating' end
  from sized where saga.saga_id = sized.saga_id and (sized.before < $8::float8 or sized.size < ${SMALL})
  returning saga.*, sized.previous_status, sized.size
)
select s.*, ${STEPS} from s order by s.saga_id`;

/**
 * Takes one saga for an operator. $1 owner, $2 lease (ms), $3 id, $4 time, see IN. A running saga is not
 * taken unless the lease of its runner has expired.
 */
export const TAKE = `
with s as (
  update saga
  set owner = $1, fence = fence + 1, write_no = 0, lease_until = ${IN('$2::float8', '$4')}
  where saga_id = $3
    and (status in ('waiting', 'needs-attention')
         or (status in ('running', 'compensating') and lease_until <= now()))
  returning saga.*
)
select s.*, ${STEPS} from s`;

/**
 * Makes sagas of known definitions ($1..$3) that have been due for more than a minute due from now on, so
 * that they do not count as unclaimed.
 */
export const MARK_KNOWN = `
with known as (
  select saga_id from saga
  where ${DUE} and lease_until <= now() - interval '1 minute' and ${isKnown(['$1', '$2', '$3'])}
  for update skip locked
)
update saga set lease_until = now() from known where saga.saga_id = known.saga_id`;
