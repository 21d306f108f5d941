// The statements of the PostgreSQL journal. Each is complete in itself (one round trip, one commit) and moves
// any number of sagas; the arrays of one group have one element a saga or step. A row that another session
// has locked is passed over and named: to wait for it would make all other sagas of the worker wait, their
// leases included. So no two statements can wait for each other, either.
import type { SagaStatus } from './saga.js';

const AT = (ms: string): string => `to_timestamp(${ms} / 1000.0)`;
/**
 * Values of JSON as one array of arrays of one value, or none for null: text that nothing has to be escaped
 * in.
 */
const VALUES = (parameter: string): string =>
  `array(select e -> 0 from json_array_elements(${parameter}::json) with ordinality as j(e, n) order by n)`;
const MS = (ms: string): string => `${ms} * interval '1 millisecond'`;
/**
 * From now on, or from `time` (milliseconds since 1970, or null) if that is later: what the worker expects. A
 * lease that is written while the clock of this server is set back for a moment has not run out when the
 * clock is right again.
 */
const IN = (ms: string, time: string): string => `greatest(now(), ${AT(`${time}::float8`)}) + ${MS(ms)}`;

const OPEN = `status in ('running', 'waiting', 'compensating')`;
/** What nobody runs, and is to be run. */
const DUE = `${OPEN} and lease_until <= now()`;

/** Bytes of values of a saga that is taken whatever else a worker has: a few of its memory. */
const SMALL = 16_384;
const RESULTS = (of: string): string =>
  `(select coalesce(sum(result_length), 0) from saga_step t where t.saga_id = ${of}.saga_id)`;

/** A row of `saga` whose definition is among these: names, versions, steps as one text. */
const isKnown = ([names, versions, steps]: readonly [string, string, string]): string => `
  exists (select from unnest(${names}::text[], ${versions}::int[], ${steps}::text[]) as k(saga, version, steps)
          where k.saga = saga.saga and k.version = saga.version and k.steps = array_to_string(saga.steps, ','))`;

/**
 * Starts ($3..$13) and moves ($14..$21) of this worker's sagas with the steps they touch ($22..$34); $35
 * time, see IN. Answers the holds whose rows were written: a start whose key is taken and a move with an old
 * fence are not among them, and none of their steps is written either. With `locked`: not written, because
 * another session has one of the rows. A move that was held up behind a later one of its hold changes
 * nothing. A worker that has lost a saga and claimed it again may still have a write of its old hold in the
 * same statement, so the fence goes with the id all the way.
 */
export const WRITE = `
with started as (
  insert into saga (saga_id, saga, version, steps, status, input, idempotency_key, fingerprint,
                    traceparent, tracestate, owner, fence, write_no, lease_until, created_at, updated_at)
  select n.saga_id, n.saga, n.version, n.steps::text[], n.status, n.input, n.idempotency_key, n.fingerprint,
         n.traceparent, n.tracestate, $1, 1, 1, ${IN('$2::float8', '$35')}, ${AT('n.created')}, ${AT('n.created')}
  from unnest($3::uuid[], $4::text[], $5::int[], $6::text[], $7::text[], ${VALUES('$8')}, $9::text[],
              $10::text[], $11::text[], $12::text[], $13::float8[])
    as n(saga_id, saga, version, steps, status, input, idempotency_key, fingerprint,
         traceparent, tracestate, created)
  order by n.saga, n.idempotency_key, n.saga_id
  on conflict do nothing
  returning saga_id, fence
), touched as materialized (
  select *
  from unnest($22::uuid[], $23::int2[], $24::text[], $25::text[], $26::int[], ${VALUES('$27')},
              ${VALUES('$28')}, $29::float8[], $30::float8[], $31::int[], $32::float8[], $33::int[], $34::int8[])
    as t(saga_id, position, name, status, attempts, result, error, started, finished, undo_attempts, undo_since,
         undo_unended, fence)
), free as (
  select s.saga_id, s.position
  from touched join saga_step s using (saga_id, position)
  for update of s skip locked
), busy as (
  select saga_id
  from touched join saga_step s using (saga_id, position)
  where (saga_id, position) not in (select saga_id, position from free)
), asked as materialized (
  select *
  from unnest($14::uuid[], $15::int8[], $16::text[], ${VALUES('$17')}, $18::text[], $19::float8[], $20::float8[],
              $21::int8[])
    as m(saga_id, fence, status, failure, reason, release_ms, updated, write_no)
), mine as (
  select s.saga_id as held, m.*
  from asked m
  join saga s on s.saga_id = m.saga_id and s.fence = m.fence and s.write_no < m.write_no
  where m.saga_id not in (select saga_id from busy)
  for update of s skip locked
), moved as (
  update saga s
  set status = m.status, failure = m.failure, reason = m.reason, updated_at = ${AT('m.updated')},
      owner = case when m.release_ms is null then s.owner end, write_no = m.write_no,
      pause_ms = coalesce(m.release_ms, s.pause_ms), lease_until = ${IN('coalesce(m.release_ms, $2::float8)', '$35')}
  from mine m
  where s.saga_id = m.held and s.fence = m.fence and s.write_no < m.write_no
  returning s.saga_id, s.fence
), written as (
  select saga_id, fence from started union all select saga_id, fence from moved
), stepped as (
  insert into saga_step (saga_id, position, name, status, attempts, result, error,
                         started_at, finished_at, undo_attempts, undo_since, undo_unended)
  select t.saga_id, t.position, t.name, t.status, t.attempts, t.result, t.error,
         ${AT('t.started')}, ${AT('t.finished')}, t.undo_attempts, ${AT('t.undo_since')}, t.undo_unended
  from touched t join written using (saga_id, fence)
  on conflict (saga_id, position) do update
  set status = excluded.status, attempts = excluded.attempts, result = excluded.result, error = excluded.error,
      started_at = excluded.started_at, finished_at = excluded.finished_at,
      undo_attempts = excluded.undo_attempts, undo_since = excluded.undo_since,
      undo_unended = excluded.undo_unended
)
select saga_id, fence, false as locked from written
union all
select saga_id, fence, true from asked join saga s using (saga_id, fence) where saga_id not in (select held from mine)`;

/** Steps as JSON, so that a saga is one row; `done` tells a JSON null from no result. */
const STEPS = `
(select json_agg(json_build_object(
    'position', t.position, 'name', t.name, 'status', t.status, 'attempts', t.attempts,
    'done', t.result is not null, 'result', t.result, 'error', t.error,
    'startedAt', extract(epoch from t.started_at) * 1000,
    'finishedAt', extract(epoch from t.finished_at) * 1000,
    'undoAttempts', t.undo_attempts, 'undoSince', extract(epoch from t.undo_since) * 1000,
    'undoUnended', t.undo_unended))
 from saga_step t where t.saga_id = s.saga_id) as step_rows`;

export const LOAD = `select s.*, ${STEPS} from saga s where s.saga_id = $1`;

/**
 * Who has the key, or this very id when the start is repeated: $1 id, $2 saga, $3 key, $4 kept since (ms).
 */
export const EARLIER = `
select saga_id, status, fingerprint,
       created_at < ${AT('$4::float8')} and status in ('completed', 'compensated') as retired
from saga
where saga_id = $1 or (saga = $2 and idempotency_key = $3 and not key_retired)`;

export const RETIRE_KEY = `update saga set key_retired = true where saga_id = $1`;

/**
 * $1 owner, $2 lease (ms), $3 how many; $4..$6 known definitions (steps as one text), $7 for how long (ms)
 * others are left alone, null for ever; $8 bytes of values, behind which only small sagas are taken; $9 until
 * when (ms): a claim that the network, or a server that stood still, has held up would take what was not
 * renewed for the same reason; $10 when (ms) the lease of a runner that has not released its saga must have
 * run out, null: no saga is taken from its runner; $11 time, see IN. Rows that another worker is just
 * claiming are passed over. First come those that were moved longest ago: by their age, old ones that are
 * tried again and again would keep all others out.
 */
export const CLAIM = `
with due as (
  select saga_id, status as was, updated_at, input_length from saga
  where ${DUE} and (lease_until <= now() - $7::float8 * interval '1 millisecond' or ${isKnown(['$4', '$5', '$6'])})
    and now() <= ${AT('$9::float8')} and (owner is null or lease_until <= ${AT('$10::float8')})
    and ($8::float8 > 0 or input_length + ${RESULTS('saga')} < ${SMALL})
  order by updated_at
  limit $3
  for update skip locked
), sized as (
  select saga_id, was, sum(input_length + results) over (order by updated_at, saga_id) - input_length - results as before,
         input_length + results as size
  from due, lateral (select ${RESULTS('due')} as results) r
), s as (
  update saga
  set owner = $1, fence = fence + 1, write_no = 0, lease_until = ${IN('$2::float8', '$11')},
      status = case when failure is null then 'running' else 'compensating' end
  from sized where saga.saga_id = sized.saga_id and (sized.before < $8::float8 or sized.size < ${SMALL})
  returning saga.*, sized.was, sized.size
)
select s.*, ${STEPS} from s order by s.saga_id`;

/**
 * $1 owner, $2 lease (ms), $3 id, $4 time, see IN. What runs is left alone: only its runner's lease running
 * out frees it.
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

export const TIME = `select (extract(epoch from now()) * 1000)::float8 as ms`;

/** $1..$3 known definitions: sagas that are due long since, but known here, count as due from now. */
export const VOUCH = `
with known as (
  select saga_id from saga
  where ${DUE} and lease_until <= now() - interval '1 minute' and ${isKnown(['$1', '$2', '$3'])}
  for update skip locked
)
update saga set lease_until = now() from known where saga.saga_id = known.saga_id`;

/** How long a lease of $1 (ms), or a pause, is from when it was set. */
const LENGTH = MS(`case when status = 'waiting' then pause_ms else $1::float8 end`);
/**
 * $1 lease (ms), $2 time, $3 how many. What lies further ahead than it can have been set was set before the
 * clock of this server was set back, and begins anew: so it is at most twice as long, and a runner that lives
 * has time to renew. Nothing is changed when this server's clock is behind `time`: it was set since the
 * worker has read it.
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
 * $1 lease (ms), $4 time, see IN. One that lies far ahead, because this server's clock was set back, becomes
 * shorter. Leaves alone what sleeps. Answers what is still held, and whether it is renewed: a row that
 * another session has locked is not.
 */
export const RENEW = `
with asked as materialized (
  select * from unnest($2::uuid[], $3::int8[]) as h(saga_id, fence)
), held as (
  select s.saga_id, s.fence
  from asked h
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
select saga_id, saga_id in (select saga_id from renewed) as renewed from asked join saga s using (saga_id, fence)`;

/**
 * $3 whether attempts that are broken off count no more. Those count all the same that the holder has found
 * begun and has written nothing of since. The fence grows, so what it still has under way can write nothing.
 * Answers what another session has locked: that keeps its lease.
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
), broken_off as (
  select t.saga_id, t.position
  from saga_step t join freed using (saga_id)
  where $3 and freed.write_no > 0 and t.status in ('running', 'compensating')
  for update of t skip locked
), taken_back as (
  update saga_step t
  set undo_unended = 0,
      attempts = case when t.status = 'running' then greatest(t.attempts - 1, 0) else t.attempts end
  from broken_off b
  where t.saga_id = b.saga_id and t.position = b.position
)
select saga_id, fence
from unnest($1::uuid[], $2::int8[]) as h(saga_id, fence)
join saga s using (saga_id, fence)
where s.status in ('running', 'compensating') and saga_id not in (select saga_id from held)`;

export const OPEN_SINCE = `
select min(created_at) as since from saga where status not in ('completed', 'compensated')`;

/** $1 the instance that lives. What another session has locked keeps its lease. */
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

/**
 * $1 how many, then $2 saga and $3 id as far as given. The status stands in the text, so that the planner may
 * use the partial index; it comes from a closed set.
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
select saga_id, saga, version, status, input, idempotency_key, reason, created_at, updated_at
from saga${where} order by saga_id desc limit $1`;
}
