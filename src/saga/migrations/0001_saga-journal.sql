-- Up Migration

-- One row a saga. Wall-clock columns are the application's, so that a saga's history reads in one clock;
-- leases are judged by the clock of this server alone, so that no worker's clock can take a saga from another.
create table saga (
  saga_id         uuid primary key,
  saga            text not null,
  version         integer not null,
  -- The plan the saga was started with: names in order. A definition that no longer matches is not run.
  steps           text[] not null,
  status          text not null check (status in
                    ('running', 'waiting', 'completed', 'compensating', 'compensated', 'needs-attention')),
  input           jsonb not null,
  -- What started the way back: {code, message, failedStep}. Null while the saga goes forward.
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
  -- Who runs it: instance:slot:generation. Null when nobody does.
  owner           text,
  -- Grows with every change of hands; a write with an older one changes nothing.
  fence           bigint not null,
  -- Nobody else may claim the saga before. While `waiting`: when it is due.
  lease_until     timestamptz not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null
) with (fillfactor = 70);

-- A start with the key of another one finds it here.
create unique index saga_key on saga (saga, idempotency_key) where not key_retired;

-- Recovery looks among the unfinished, operators among all but the completed.
-- lease_until stays out of it on purpose: a renewal then touches no index (HOT update).
create index saga_open on saga (status, saga_id) where status <> 'completed';

-- One row for every step that was begun; those not in it are pending.
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
  -- Attempts to compensate, and when the first of them began: after 24 hours the engine gives up.
  undo_attempts integer not null,
  undo_since    timestamptz,
  primary key (saga_id, position)
) with (fillfactor = 70);

-- Down Migration

drop table saga_step;
drop table saga;
