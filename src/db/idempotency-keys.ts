// The keys of effects that happen once: how they are stored, and for how long.
//
// There are two kinds. Keys of requests come from clients. Keys of saga steps are `<sagaId>/<step>`, and the
// saga's id begins with the time of its start (UUID version 7). An operator may compensate a step long after
// it was done, so these keys are kept longer.
import { nodeCrypto } from '../node-crypto.js';
import type { EffectKey } from './database.js';

/** Time for which keys of requests are kept. */
export const KEPT_MS = 3 * 86_400_000;
/**
 * Time for which keys of saga steps are kept; longer while this process has an open saga that is older.
 */
export const SAGA_KEPT_MS = 30 * 86_400_000;
/** Time by which the clocks of two hosts may differ. */
const CLOCK_SKEW_MS = 3_600_000;
/** Pattern of the keys of saga steps, for PostgreSQL and for JavaScript. */
export const SAGA_KEY = '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/';

/**
 * The stored form of a key that comes from a client outside. A key that looks like that of a saga step is put
 * behind a line feed, which no key of a request contains. Otherwise a client that knows the id of its saga
 * could use such a key first, and the saga would take the client's effect for that of its step.
 */
export function externalKey(key: string): string {
  return new RegExp(SAGA_KEY).test(key) ? `\n${key}` : key;
}

/**
 * Checks that a key that was not found has not been deleted because of its age.
 * @throws Error when it may have been: then it is not known whether the effect has happened
 */
export function requireRetained(key: string): void {
  if (!new RegExp(SAGA_KEY).test(key)) return;
  const startedAt = Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
  if (Date.now() - startedAt < SAGA_KEPT_MS - CLOCK_SKEW_MS) return;
  const since = new Date(startedAt).toISOString();
  throw new Error(
    `the saga of ${key} was started at ${since}: its keys may have been deleted, so it is not known whether ` +
      'the step was done; look at the data, then skip the step (POST /sagas/:id/skip)',
  );
}

/**
 * Route and key of the row of a key. The scope is hashed into the key, behind a line feed, which no key of a
 * request contains. So the row of a key without a scope is the same as before there were scopes, the name of
 * a principal is not stored, and no scope is too long for the index. An empty scope is refused elsewhere: all
 * clients without a principal would share their responses.
 */
export function rowOf({ route, key, scope }: EffectKey): [route: string, key: string] {
  if (scope === undefined) return [route, key];
  return [route, `${key}\n${nodeCrypto().createHash('sha256').update(scope).digest('hex')}`];
}

/**
 * Number of the advisory lock of a row: 64 bits of a hash. Two keys with the same number wait for each other,
 * which does no other harm.
 */
export function lockOf([route, key]: readonly [string, string]): string {
  return nodeCrypto().createHash('sha256').update(`${route}\n${key}`).digest().readBigInt64BE(0).toString();
}
