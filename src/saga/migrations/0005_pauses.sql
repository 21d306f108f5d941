-- Up Migration

-- The pause of a waiting saga in milliseconds, from its release on. The clock of this server may be set back: a pause
-- that ends further ahead than this was written before that, and begins anew. The default, the longest pause of most
-- sagas, is for sagas that an earlier version releases. A constant default rewrites no row.
alter table saga add column pause_ms bigint not null default 60000;

-- Down Migration

alter table saga drop column pause_ms;
