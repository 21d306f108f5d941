-- Keys of requests whose effect happens once; see db/idempotent-effect.ts. The type is `json`, not `jsonb`, so that a
-- response is returned again exactly as it was, with its members in the same order.

-- The role of the embedded server has the same name as this schema. With the default search_path `"$user", public` the
-- tables of a service would be created in this schema: they would have other qualified names than on another server,
-- and another role would not find them. The setting is changed only in a database that is still empty: in older ones
-- the tables are in this schema and have to be found.
do $$ begin
  if current_user = 'multilane' and current_setting('search_path') = '"$user", public' then
    execute format('alter role %I in database %I set search_path = public', current_user, current_database());
  end if;
end $$;

create table multilane.idempotency (
  route text not null,
  key text not null,
  -- SHA-256 of the canonical request; null for a tombstone that was stored before the request came
  fingerprint text,
  state text not null check (state in ('done', 'refused', 'cancelled')),
  status integer,
  body json,
  created_at timestamptz not null default now(),
  primary key (route, key),
  check (state = 'cancelled' or (fingerprint is not null and status is not null))
);

create index idempotency_created_at on multilane.idempotency (created_at);
