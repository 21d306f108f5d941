-- Keys of requests whose effect happens once; see db/idempotency.ts. `json`, not `jsonb`: an answer is given
-- again as it was, members in their order.

-- The embedded server's role is called like this schema, so `"$user", public` would have a service's tables made in
-- here: other names would be taken there than on another server, and another role would not find the tables. Only a
-- database that is still empty is told so: in older ones the tables are here, and must be found.
do $$ begin
  if current_user = 'multilane' and current_setting('search_path') = '"$user", public' then
    execute format('alter role %I in database %I set search_path = public', current_user, current_database());
  end if;
end $$;

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
