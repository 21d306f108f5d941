-- Keys of requests whose effect happens once; see db/idempotency.ts. `json`, not `jsonb`: an answer is given
-- again as it was, members in their order.
create table multilane.idempotency (
  route text not null,
  key text not null,
  -- sha-256 of the canonical request; null on a tombstone that came before the request
  fingerprint text,
  state text not null check (state in ('done', 'refused', 'cancelled')),
  status integer,
  body json,
  created_at timestamptz not null default now(),
  primary key (route, key),
  check (state = 'cancelled' or (fingerprint is not null and status is not null))
);

create index idempotency_created_at on multilane.idempotency (created_at);
