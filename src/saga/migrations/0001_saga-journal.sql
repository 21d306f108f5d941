-- Up Migration

-- One row for each saga. Its times are on the clock of the application, so that the history of a saga has one
-- clock. Leases are on the clock of this server alone, so that no worker's clock can take a saga from another.
create table saga (
  saga_id         uuid primary key,
  saga            text not null,
  version         integer not null,
  -- The names of the steps that the saga was started with, in order. Another definition does not run the saga.
  steps           text[] not null,
  status          text not null check (status in
                    ('running', 'waiting', 'completed', 'compensating', 'compensated', 'needs-attention')),
  input           jsonb not null,
  -- The error that started the compensation: {code, message, failedStep}. Null while the saga goes forward.
  failure         jsonb,
  -- Why a saga needs attention: COMPENSATION_FAILED, DEFINITION_MISSING, …
  reason          text,
  idempotency_key text,
  -- SHA-256 of the canonical JSON of the input.
  fingerprint     text not null,
  -- True when the key's 24 hours are over and another saga has taken it.
  key_retired     boolean not null default false,
  -- W3C trace context of the request that started the saga; a resumed saga stays in its trace.
  traceparent     text,
  tracestate      text,
  -- The worker that runs it: instance:slot:generation. Null when no worker does.
  owner           text,
  -- The fencing token: it grows with every new owner, and a write with an older one changes nothing.
  fence           bigint not null,
  -- The end of the lease: until then no other worker may claim the saga. While `waiting`: when it is due.
  lease_until     timestamptz not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null
) with (fillfactor = 70);

-- A start with the key of an earlier one finds the earlier one here.
create unique index saga_key on saga (saga, idempotency_key) where not key_retired;

-- Recovery searches the unfinished sagas, operators all but the completed ones. lease_until is not in an index, so
-- that a renewal updates no index (HOT update).
create index saga_open on saga (status, saga_id) where status <> 'completed';

-- One row for every step that has begun; the others are pending.
create table saga_step (
  saga_id       uuid not null references saga on delete cascade,
  position      smallint not null,
  name          text not null,
  status        text not null check (status in
                  ('pending', 'running', 'completed', 'failed', 'unknown', 'compensating', 'compensated')),
  attempts      integer not null,
  result        jsonb,
  error         jsonb,
  started_at    timestamptz,
  finished_at   timestamptz,
  -- Compensation attempts, and when the first of them began: after 24 hours the engine gives up.
  undo_attempts integer not null,
  undo_since    timestamptz,
  primary key (saga_id, position)
) with (fillfactor = 70);

-- Down Migration

drop table saga_step;
drop table saga;
