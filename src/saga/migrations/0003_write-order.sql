-- Up Migration

-- The number of the owner's latest write. A write with a smaller number, which the network has delayed until after its
-- repetition, changes nothing. A constant default rewrites no row.
alter table saga add column write_no bigint not null default 0;

-- Down Migration

alter table saga drop column write_no;
