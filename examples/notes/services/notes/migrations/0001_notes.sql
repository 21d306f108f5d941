-- Up Migration
create table note (
  id bigint generated always as identity primary key,
  title text not null,
  text text not null,
  created_at timestamptz(3) not null default now()
);
