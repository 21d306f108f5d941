-- Up Migration
create table payments (
  id bigint generated always as identity primary key,
  order_id bigint not null check (order_id > 0),
  amount_cents integer not null check (amount_cents between 1 and 1000000000),
  currency char(3) not null,
  method text not null,
  status text not null check (status in ('captured', 'refunded')),
  created_at timestamptz(3) not null default now()
);

create index payments_by_order on payments (order_id);

-- How often a key was tried with a method that fails at first. It is committed apart from the payment, since
-- attempts that fail are counted too.
create table provider_attempts (
  key text primary key,
  attempts integer not null
);
