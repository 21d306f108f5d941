-- Up Migration

-- Milliseconds a waiting saga is to wait, from when it was released. The clock of this server may be set
-- back: a pause that lies further ahead than this was set before, and begins anew. The default is for what an
-- earlier version releases: the longest pause of most. A default that is no expression rewrites no row.
alter table saga add column pause_ms bigint not null default 60000;

-- Down Migration

alter table saga drop column pause_ms;
