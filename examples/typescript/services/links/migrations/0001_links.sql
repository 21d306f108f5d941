-- Up Migration
create table link (
  code text primary key,
  target text not null unique,
  visits integer not null default 0
);
