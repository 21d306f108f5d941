-- Up Migration
create table entry (
  id bigint primary key,
  text text not null,
  created_at timestamptz(3) not null default now()
);

-- The one row has the id of the newest entry.
create table feed (
  only_row boolean primary key default true check (only_row),
  last_id bigint not null
);
insert into feed (last_id) values (0);
