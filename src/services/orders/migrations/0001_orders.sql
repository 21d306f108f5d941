-- Up Migration
create table orders (
  id bigint generated always as identity primary key,
  user_id bigint not null check (user_id > 0),
  product_id bigint not null check (product_id > 0),
  quantity integer not null check (quantity between 1 and 1000),
  status text not null default 'pending' check (status in ('pending', 'confirmed')),
  -- Whole milliseconds: a page ends at (created_at, id), and a cursor must hold exactly the same value.
  created_at timestamptz(3) not null default now()
);

create index orders_by_user on orders (user_id, created_at desc, id desc);
