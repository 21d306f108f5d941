-- Up Migration
create table inventory (
  kind text not null check (kind in ('flight', 'hotel', 'car')),
  destination text not null,
  places integer not null check (places >= 0),
  primary key (kind, destination)
);

create table booking (
  id bigint generated always as identity primary key,
  kind text not null,
  destination text not null,
  traveller text not null,
  created_at timestamptz(3) not null default now(),
  foreign key (kind, destination) references inventory (kind, destination)
);

-- Oslo has flights but no hotel left, Porto has no car: their trips are compensated.
insert into inventory (kind, destination, places) values
  ('flight', 'Lisbon', 100), ('hotel', 'Lisbon', 100), ('car', 'Lisbon', 100),
  ('flight', 'Oslo', 100), ('hotel', 'Oslo', 0), ('car', 'Oslo', 100),
  ('flight', 'Porto', 100), ('hotel', 'Porto', 100), ('car', 'Porto', 0);
