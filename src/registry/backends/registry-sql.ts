// The tables of the registry in PostgreSQL, and their statements. A row is an instance; its process renews
// all of its rows by one row of its own, by the clock of the server. Every change is notified by the name of
// the row only.
import { MOST_REMEMBERED } from '../removals.js';

export const CHANNEL = 'multilane_registry';
const TABLE = 'multilane.multilane_registry_instance';
const OWNERS = 'multilane.multilane_registry_owner';
const SEQUENCE = 'multilane.multilane_registry_revision';

/**
 * A row that someone locks is refused before the statement takes too long, so that it is found among many.
 * The server ends what it could not end in time, also when the session was lost.
 */
export const SET_LIMITS = `SET lock_timeout = '250ms'; SET statement_timeout = '4500ms'`;

/** A body that is small on the disk may be huge as text, and a list would read all of them. */
const BOUND_NAME = 'multilane_registry_instance_body';
const BOUND = `CONSTRAINT ${BOUND_NAME} CHECK (octet_length(body::text) <= 32768)`;

/**
 * Whether the tables exist, and whether bodies are bounded. A role that may not create them can use those of
 * an administrator.
 */
export const EXISTS = `
  SELECT num_nulls(to_regclass('${TABLE}'), to_regclass('${OWNERS}'), to_regclass('${SEQUENCE}')) = 0 AS exists, EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = to_regclass('${TABLE}') AND conname = '${BOUND_NAME}') AS is_bounded`;

/** For a table that was created without the bound. Rows that break it already stay. */
export const ADD_BOUND = `ALTER TABLE ${TABLE} ADD ${BOUND} NOT VALID`;

/** Several processes may create it at the same time: they wait for each other. */
export const CREATE = `
  BEGIN;
  SET LOCAL lock_timeout = 0;
  SELECT pg_advisory_xact_lock(hashtext('${TABLE}'));
  CREATE SCHEMA IF NOT EXISTS multilane;
  CREATE SEQUENCE IF NOT EXISTS ${SEQUENCE};
  CREATE TABLE IF NOT EXISTS ${TABLE} (
    service text NOT NULL,
    id text NOT NULL,
    -- Empty: a mark, which is there only for what clients have removed.
    owner text NOT NULL,
    body jsonb NOT NULL,
    -- The row stays until then, and for as long as its owner is there. NULL: a static instance.
    expires_at timestamptz,
    revision bigint NOT NULL,
    -- The owner serves the instance itself.
    is_local boolean NOT NULL DEFAULT false,
    -- The registrations under this name that clients have removed, the newest ones first, and until when that
    -- is remembered. They stay when the instance is registered again or ends.
    removed text[] NOT NULL DEFAULT '{}',
    removed_until timestamptz,
    PRIMARY KEY (service, id),
    ${BOUND}
  );
  CREATE INDEX IF NOT EXISTS multilane_registry_instance_owner ON ${TABLE} (owner);
  CREATE TABLE IF NOT EXISTS ${OWNERS} (owner text PRIMARY KEY, expires_at timestamptz NOT NULL);
  COMMIT`;

/**
 * Each change has a number, so that a listener can tell whether it has heard of all. Names that are longer
 * than those of instances were not written by a process, and a notification has a limit.
 */
const NOTIFY = `CASE WHEN octet_length(service || id) < 1000 THEN pg_notify('${CHANNEL}', revision || ' ' || service || ' ' || id) END`;

/** A name remembers this number of removed registrations. */
const MOST_OF_NAME = 64;

/**
 * Rows end, and their names are `gone`. A row whose name has removals to remember becomes a mark.
 * @param which a condition
 */
const ending = (which: string): string => `
  marked AS (
    UPDATE ${TABLE} SET owner = '', body = 'null', is_local = false, expires_at = removed_until,
      revision = nextval('${SEQUENCE}')
    WHERE ${which} AND owner <> '' AND removed_until >= now()
    RETURNING service, id, revision
  ), deleted AS (
    DELETE FROM ${TABLE} WHERE ${which} AND (owner = '' OR removed_until IS NULL OR removed_until < now())
    RETURNING service, id, nextval('${SEQUENCE}') AS revision
  ), gone AS (
    SELECT * FROM marked UNION ALL SELECT * FROM deleted
  )`;

const LIVE_UNTIL = `now() + make_interval(secs => $2)`;

/**
 * $1 owner, $2 seconds, then one element per row. Returns the names of those that were written, and of those
 * that come too late (`is_removed`): a client has removed the same registration. One that drains leaves the
 * row to its successor, one of a client leaves it to a process that serves it itself.
 */
export const ANNOUNCE = `
  WITH given AS (
    SELECT * FROM unnest($3::text[], $4::text[], $5::jsonb[], $6::bool[], $7::bool[])
      AS given (service, id, body, is_static, is_local)
  ), written AS (
    INSERT INTO ${TABLE} AS known (service, id, owner, body, expires_at, revision, is_local)
    SELECT service, id, $1, body, CASE WHEN is_static THEN NULL ELSE ${LIVE_UNTIL} END, nextval('${SEQUENCE}'), is_local
    FROM given
    ON CONFLICT (service, id) DO UPDATE SET owner = excluded.owner, body = excluded.body,
      expires_at = excluded.expires_at, revision = excluded.revision, is_local = excluded.is_local
    WHERE CASE WHEN excluded.is_local
        THEN known.owner IN ('', excluded.owner) OR excluded.body ->> 'state' <> 'draining'
      ELSE (known.owner = excluded.owner OR NOT known.is_local)
        AND coalesce(excluded.body ->> 'registrationId' <> ALL (known.removed), true) END
    RETURNING service, id, revision
  ), notified AS (
    SELECT count(${NOTIFY}) FROM written
  )
  SELECT service, id, false AS is_removed FROM written, notified
  UNION ALL SELECT service, id, true FROM given JOIN ${TABLE} AS known USING (service, id)
  WHERE NOT given.is_local AND given.body ->> 'registrationId' = ANY (removed)`;

/** $1 owner, $2 services, $3 ids: rows of the owner. */
export const WITHDRAW = `
  WITH ${ending('owner = $1 AND (service, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))')}
  SELECT count(${NOTIFY}) FROM gone`;

/** Bodies are far smaller; a larger one was written by a stranger, and is read as null. */
const BODY = `CASE WHEN pg_column_size(body) <= 10240 AND octet_length(body::text) <= 32768 THEN body ELSE 'null' END`;
/**
 * What tells one announcement from another. Numbers begin again when the registry is made anew, and go back
 * when it is restored from a backup.
 */
const VERSION = `revision || '.' || hashtext(owner || (${BODY})::text)`;

/** A value of a row that depends on whether it is a mark after a removal. */
const ifMarked = (then: string, otherwise: string): string => `
  CASE WHEN NOT known.is_local AND (known.owner = '' OR reach = 'all' OR (reach = 'own' AND known.owner = $1)
    OR ${VERSION} = version OR known.body ->> 'registrationId' = ANY (registrations))
  THEN ${then} ELSE ${otherwise} END`;

/**
 * $1 owner, then one element per row: what a client has removed, as `Removed` has it, with its `Reach`. For
 * the seconds that are given, no process can announce these registrations again, also one that was cut off.
 */
export const REMOVE = `
  WITH given AS (
    SELECT service, id, version, ARRAY(SELECT jsonb_array_elements_text(ids)) AS registrations, reach,
      now() + make_interval(secs => seconds) AS until
    FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::int[])
      AS given (service, id, version, ids, reach, seconds)
  ), removed AS (
    UPDATE ${TABLE} AS known
    SET owner = ${ifMarked("''", 'known.owner')}, body = ${ifMarked("'null'", 'known.body')},
      expires_at = ${ifMarked('greatest(until, removed_until)', 'known.expires_at')},
      revision = ${ifMarked(`nextval('${SEQUENCE}')`, 'known.revision')},
      removed = (array_remove(array_append(registrations, ${ifMarked("known.body ->> 'registrationId'", 'NULL')}), NULL)
        || ARRAY(SELECT one FROM unnest(known.removed) AS one WHERE one <> ALL (registrations)))[1:${MOST_OF_NAME}],
      removed_until = greatest(until, removed_until)
    FROM given WHERE known.service = given.service AND known.id = given.id
    RETURNING known.service, known.id, known.revision, known.owner
  ), marked AS (
    INSERT INTO ${TABLE} AS known (service, id, owner, body, expires_at, revision, removed, removed_until)
    SELECT service, id, '', 'null', until, nextval('${SEQUENCE}'), registrations, until
    FROM given WHERE registrations <> '{}'
      AND NOT EXISTS (SELECT FROM ${TABLE} AS present WHERE present.service = given.service AND present.id = given.id)
    ON CONFLICT DO NOTHING
    RETURNING service, id, revision
  ), changed AS (
    SELECT service, id, revision FROM removed WHERE owner = '' UNION ALL SELECT * FROM marked
  )
  SELECT count(${NOTIFY}) FROM changed`;

/** $1 owner: all that it has announced, but for static instances. */
export const WITHDRAW_ALL = `
  WITH ${ending('owner = $1 AND expires_at IS NOT NULL')}, ended AS (
    DELETE FROM ${OWNERS} WHERE owner = $1
  )
  SELECT count(${NOTIFY}) FROM gone`;

/** Rows that one renewal removes at most, so that it ends within the limit of a statement. */
export const MOST_EXPIRED = 2_000;

/** A time that the clock of the server could not give any more: it was set back. */
const FROM_AHEAD = `expires_at > ${LIVE_UNTIL} + interval '1 minute'`;

/**
 * $1 owner, $2 seconds, $3 whether to remove what has expired: not in the first seconds of the server either,
 * in which others have had no chance to renew. Returns how many rows the owner has, how many were removed,
 * and the number of the last change. Nothing waits for rows that others have locked. When more removals are
 * remembered than `MOST_REMEMBERED`, the oldest ones leave early. Times that were written before the clock
 * was set back would keep rows of processes that have ended.
 */
export const RENEW = `
  WITH renewed AS (
    INSERT INTO ${OWNERS} VALUES ($1, ${LIVE_UNTIL})
    ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at
  ), ended AS (
    DELETE FROM ${OWNERS} WHERE owner IN (
      SELECT owner FROM ${OWNERS} WHERE expires_at < now() - interval '1 minute' FOR UPDATE SKIP LOCKED)
  ), owners_ahead AS (
    UPDATE ${OWNERS} SET expires_at = ${LIVE_UNTIL} WHERE owner IN (
      SELECT owner FROM ${OWNERS} WHERE ${FROM_AHEAD} AND owner <> $1 FOR UPDATE SKIP LOCKED)
  ), rows_ahead AS (
    UPDATE ${TABLE} SET expires_at = ${LIVE_UNTIL} WHERE (service, id) IN (
      SELECT service, id FROM ${TABLE} WHERE ${FROM_AHEAD} AND owner <> '' LIMIT ${MOST_EXPIRED} FOR UPDATE SKIP LOCKED)
  ), expired AS (
    SELECT service, id FROM ${TABLE} AS known
    WHERE ($3 AND expires_at < now() AND owner <> $1
        AND NOT EXISTS (SELECT FROM ${OWNERS} AS live WHERE live.owner = known.owner AND live.expires_at >= now())
        AND pg_postmaster_start_time() NOT BETWEEN now() - make_interval(secs => $2) AND now())
      OR (owner = '' AND revision <= (SELECT revision FROM ${TABLE} WHERE owner = ''
        ORDER BY revision DESC OFFSET ${MOST_REMEMBERED} LIMIT 1))
    LIMIT ${MOST_EXPIRED} FOR UPDATE SKIP LOCKED
  ), ${ending('(service, id) IN (SELECT * FROM expired)')}, notified AS (
    SELECT count(${NOTIFY}) FROM gone
  )
  SELECT (SELECT count(*) FROM ${TABLE} WHERE owner = $1)::int AS present, (SELECT * FROM notified) AS gone,
    (SELECT last_value FROM ${SEQUENCE}) AS revision`;

const COLUMNS = `service, id, owner, ${BODY} AS body, is_local, ${VERSION} AS version`;

/**
 * $1 owner, $2 the most rows, $3 the most bytes of their bodies. All rows, each with the number of the last
 * change and the total of instances; without any, one row with that number alone. When strangers have written
 * more than there is room for, the newest are left out, and before those what clients have removed.
 */
export const LIST = `
  SELECT service, id, owner, body, is_local, version, total, last.last_value AS revision
  FROM ${SEQUENCE} AS last LEFT JOIN (
    SELECT ${COLUMNS}, count(*) FILTER (WHERE owner <> '') OVER () AS total, sum(least(pg_column_size(body), 10240)) OVER in_order AS bytes
    FROM ${TABLE} WHERE octet_length(service) <= 64 AND octet_length(id) <= 128
    WINDOW in_order AS (ORDER BY owner = $1 DESC, is_local DESC, owner = '', revision)
    ORDER BY owner = $1 DESC, is_local DESC, owner = '', revision LIMIT $2
  ) AS known ON bytes <= $3`;

/** $1 services, $2 ids. */
export const FETCH = `
  SELECT ${COLUMNS} FROM ${TABLE}
  WHERE (service, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`;

export const LISTEN = `LISTEN ${CHANNEL}`;
