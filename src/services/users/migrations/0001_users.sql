-- Up Migration
create table users (
  id bigint generated always as identity primary key,
  name text not null check (char_length(name) between 1 and 200),
  email text not null check (char_length(email) between 3 and 254),
  created_at timestamptz(3) not null default now()
);

create unique index users_email_key on users (lower(email));
