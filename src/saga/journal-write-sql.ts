// The statement that writes sagas and steps. Its columns come from journal-columns.ts.
import { AT, IN, VALUES } from './journal-sql-parts.js';

/**
 * Writes new sagas ($3..$13) and changes ($14..$21) of this worker's sagas, with the steps that they touch
 * ($22..$34); $1 owner, $2 lease (ms), $35 time, see IN. Returns the holds whose rows were written. A start
 * whose key is taken and a change with an old fence are not among them, and none of their steps is written.
 * Rows with `locked` were not written because another session has locked one of them. A change that was
 * overtaken by a later one of its hold does nothing. A worker that lost a saga and claimed it again may still
 * have a write of its old hold in the same statement, so id and fence are compared together everywhere.
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
), changes as materialized (
  select *
  from unnest($14::uuid[], $15::int8[], $16::text[], ${VALUES('$17')}, $18::text[], $19::float8[], $20::float8[],
              $21::int8[])
    as m(saga_id, fence, status, failure, reason, release_ms, updated, write_no)
), mine as (
  select s.saga_id as held, m.*
  from changes m
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
select saga_id, fence, true from changes join saga s using (saga_id, fence) where saga_id not in (select held from mine)`;
