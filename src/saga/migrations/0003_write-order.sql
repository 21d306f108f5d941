-- Up Migration

-- Number of the latest write of who holds the saga; a write with a smaller one, which the network has held up while it
-- was repeated, changes nothing. A default that is no expression rewrites no row.
alter table saga add column write_no bigint not null default 0;

-- Down Migration

alter table saga drop column write_no;
