-- Up Migration

-- `json`, not `jsonb`: values are read as they were written. jsonb sorts members and writes numbers out in full, so
-- 5e-324 has 326 characters and a value within its bound could be read as one fifty times as long. The lengths decide
-- how many sagas a worker takes over at a time.
alter table saga alter column input type json using input::json;
alter table saga alter column failure type json using failure::json;
alter table saga_step alter column result type json using result::json;
alter table saga_step alter column error type json using error::json;
alter table saga add column input_length integer not null generated always as (octet_length(input::text)) stored;
alter table saga_step add column result_length integer not null
  generated always as (coalesce(octet_length(result::text), 0)) stored;

-- Down Migration

alter table saga_step drop column result_length;
alter table saga drop column input_length;
alter table saga_step alter column error type jsonb using error::jsonb;
alter table saga_step alter column result type jsonb using result::jsonb;
alter table saga alter column failure type jsonb using failure::jsonb;
alter table saga alter column input type jsonb using input::jsonb;
