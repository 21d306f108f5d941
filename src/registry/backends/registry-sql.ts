// The table of the registry in PostgreSQL, and its statements. A row is an instance. A process renews all of
// its rows at once, by the clock of the server. Every change is notified by the name of the row only.

export const CHANNEL = 'multilane_registry';
const TABLE = 'multilane.multilane_registry_instance';
const SEQUENCE = 'multilane.multilane_registry_revision';

/** Whether the table exists. A role that may not create it can use one that an administrator has made. */
export const EXISTS = `SELECT to_regclass('${TABLE}') IS NOT NULL AS exists`;

/** Several processes may create it at the same time. */
export const CREATE = `
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('${TABLE}'));
  CREATE SCHEMA IF NOT EXISTS multilane;
  CREATE SEQUENCE IF NOT EXISTS ${SEQUENCE};
  CREATE TABLE IF NOT EXISTS ${TABLE} (
    service text NOT NULL,
    id text NOT NULL,
    owner text NOT NULL,
    body jsonb NOT NULL,
    -- NULL: a static instance.
    expires_at timestamptz,
    revision bigint NOT NULL,
    PRIMARY KEY (service, id)
  );
  COMMIT`;

/**
 * Each change has a number, so that a listener can tell whether it has heard of all. Names that are longer
 * than those of instances were not written by a process, and a notification has a limit.
 */
const NOTIFY = `CASE WHEN octet_length(service || id) < 1000 THEN pg_notify('${CHANNEL}', revision || ' ' || service || ' ' || id) END`;

const LIVE_UNTIL = `now() + make_interval(secs => $2)`;

/** $1 owner, $2 seconds, then one element per row. */
export const ANNOUNCE = `
  WITH written AS (
    INSERT INTO ${TABLE} AS known (service, id, owner, body, expires_at, revision)
    SELECT service, id, $1, body, CASE WHEN is_static THEN NULL ELSE ${LIVE_UNTIL} END, nextval('${SEQUENCE}')
    FROM unnest($3::text[], $4::text[], $5::jsonb[], $6::bool[]) AS given (service, id, body, is_static)
    ON CONFLICT (service, id) DO UPDATE SET
      owner = excluded.owner, body = excluded.body, expires_at = excluded.expires_at, revision = excluded.revision
    -- One that drains leaves the row to its successor.
    WHERE known.owner = excluded.owner OR excluded.body ->> 'state' <> 'draining'
    RETURNING service, id, revision
  )
  SELECT count(${NOTIFY}) FROM written`;

/** $1 owner, then one element per row: the service, the id, and whether another owner may have the row. */
export const WITHDRAW = `
  WITH gone AS (
    DELETE FROM ${TABLE} AS known
    USING unnest($2::text[], $3::text[], $4::bool[]) AS given (service, id, of_others)
    WHERE known.service = given.service AND known.id = given.id AND (known.owner = $1 OR given.of_others)
    RETURNING known.service, known.id, nextval('${SEQUENCE}') AS revision
  )
  SELECT count(${NOTIFY}) FROM gone`;

/** $1 owner: all that it has announced, but for static instances. */
export const WITHDRAW_ALL = `
  WITH gone AS (
    DELETE FROM ${TABLE} WHERE owner = $1 AND expires_at IS NOT NULL
    RETURNING service, id, nextval('${SEQUENCE}') AS revision
  )
  SELECT count(${NOTIFY}) FROM gone`;

/**
 * $1 owner, $2 seconds, $3 whether to remove what has expired: not in the first seconds of the server either,
 * in which others have had no chance to renew. Returns how many rows the owner has, and the number of the
 * last change.
 */
export const RENEW = `
  WITH renewed AS (
    UPDATE ${TABLE} SET expires_at = ${LIVE_UNTIL} WHERE owner = $1 AND expires_at IS NOT NULL RETURNING 1
  ), gone AS (
    DELETE FROM ${TABLE}
    WHERE $3 AND expires_at < now() AND owner <> $1
      AND pg_postmaster_start_time() < now() - make_interval(secs => $2)
    RETURNING service, id, nextval('${SEQUENCE}') AS revision
  ), told AS (
    SELECT count(${NOTIFY}) FROM gone
  )
  SELECT (SELECT count(*) FROM renewed)::int AS renewed, (SELECT * FROM told) AS gone,
    (SELECT last_value FROM ${SEQUENCE}) AS revision`;

/** All rows, each with the number of the last change; without any, one row with that number alone. */
export const LIST = `
  SELECT service, id, owner, body, last.last_value AS revision
  FROM ${SEQUENCE} AS last LEFT JOIN ${TABLE} ON true`;

/** $1 services, $2 ids. */
export const FETCH = `
  SELECT service, id, owner, body FROM ${TABLE}
  WHERE (service, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`;

export const LISTEN = `LISTEN ${CHANNEL}`;
