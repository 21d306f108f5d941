// Fragments that the journal's statements share. Each statement is complete in itself (one round trip, one
// commit) and changes any number of sagas; its array parameters have one element for each saga or step. A row
// that another session has locked is skipped and reported: waiting for it would delay all other sagas of the
// worker and the renewal of their leases. So no two statements can wait for each other, either.
export const AT = (ms: string): string => `to_timestamp(${ms} / 1000.0)`;
/**
 * Reads the JSON values of many rows from one parameter. The parameter is a JSON array with one element for
 * each row: `[value]`, or `[]` for null. An array of PostgreSQL would need each value as escaped text
 * instead.
 */
export const VALUES = (parameter: string): string =>
  `array(select e -> 0 from json_array_elements(${parameter}::json) with ordinality as j(e, n) order by n)`;
export const MS = (ms: string): string => `${ms} * interval '1 millisecond'`;
/**
 * The end of a lease: `ms` after now, or after `time` if that is later. `time` is what the worker expects the
 * clock to show (milliseconds since 1970, or null), so a lease that is written while the server's clock is
 * set back for a moment has not expired when the clock is right again.
 */
export const IN = (ms: string, time: string): string =>
  `greatest(now(), ${AT(`${time}::float8`)}) + ${MS(ms)}`;

export const OPEN = `status in ('running', 'waiting', 'compensating')`;
/** Unfinished sagas whose lease or pause has ended. */
export const DUE = `${OPEN} and lease_until <= now()`;

/**
 * Matches rows of `saga` whose definition is listed in the three parameters: names, versions, steps as one
 * text.
 */
export const isKnown = ([names, versions, steps]: readonly [string, string, string]): string => `
  exists (select from unnest(${names}::text[], ${versions}::int[], ${steps}::text[]) as k(saga, version, steps)
          where k.saga = saga.saga and k.version = saga.version and k.steps = array_to_string(saga.steps, ','))`;

/** The steps as JSON, so that a saga is one row; `done` distinguishes a JSON null from no result. */
export const STEPS = `
(select json_agg(json_build_object(
    'position', t.position, 'name', t.name, 'status', t.status, 'attempts', t.attempts,
    'done', t.result is not null, 'result', t.result, 'error', t.error,
    'startedAt', extract(epoch from t.started_at) * 1000,
    'finishedAt', extract(epoch from t.finished_at) * 1000,
    'undoAttempts', t.undo_attempts, 'undoSince', extract(epoch from t.undo_since) * 1000,
    'undoUnended', t.undo_unended))
 from saga_step t where t.saga_id = s.saga_id) as step_rows`;
