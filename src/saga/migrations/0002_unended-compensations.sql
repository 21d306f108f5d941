-- Up Migration

-- The latest compensation attempts, in a row, whose end was not written. They are counted before they run, so that
-- one which ends its process is counted too; after five the engine gives up. A constant default rewrites no row.
alter table saga_step add column undo_unended integer not null default 0;

-- Down Migration

alter table saga_step drop column undo_unended;
