// Effects that happen once. The key, what was asked (as a fingerprint) and the outcome are stored in the
// transaction of the effect, so they exist together or not at all; a tombstone keeps a cancelled effect from
// happening later. While one call runs, its key is locked (an advisory lock that ends with the transaction).
//
// The lock is taken by a statement of its own: the one that reads the row must get its snapshot after the
// lock, or it would miss what the holder before committed. All of them are sent in one go, so a call costs
// three round trips: (BEGIN, lock, read, savepoint), the effect, (store, COMMIT).
import { createHash } from 'node:crypto';
import { BusinessError, HttpError } from '../errors.js';
import { jsonForm } from '../json-form.js';
import {
  ANYTHING,
  checkOptions,
  FILLED_TEXT,
  requireFunction,
  shapeOf,
  TEXT,
  typeErrorFor,
} from '../options.js';
import type { EffectKey, IdempotencyKey, Queryable, StoredResponse, Transaction } from './database.js';
import type { OpenTransaction } from './transaction.js';

type Transact = <T>(fn: (tx: OpenTransaction) => Promise<T>) => Promise<T>;

interface StoredRow {
  readonly state: 'done' | 'refused' | 'cancelled';
  readonly fingerprint: string | null;
  readonly status: number | null;
  readonly body: unknown;
  /** Tells an answer without a body from one whose body is the JSON value null. */
  readonly bodiless: boolean;
}

/** What a stored BusinessError is made of. */
interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>> | null;
}

const READ = `select state, fingerprint, status, body, body is null as bodiless
  from multilane.idempotency where route = $1 and key = $2`;
const STORE = `insert into multilane.idempotency (route, key, fingerprint, state, status, body)
  values ($1, $2, $3, $4, $5, $6)`;
const BURY = `insert into multilane.idempotency (route, key, state) values ($1, $2, 'cancelled')
  on conflict (route, key) do update
  set state = 'cancelled', status = null, body = null, created_at = now()`;

const KEY = shapeOf<IdempotencyKey>(
  "{ route: 'POST /api/orders', key }",
  { route: TEXT, key: TEXT, scope: FILLED_TEXT, target: TEXT, body: ANYTHING },
  ['route', 'key'],
);
const idempotentFault = typeErrorFor('db.idempotent');
const compensateFault = typeErrorFor('db.compensate');
const outcomeFault = typeErrorFor('db.outcomeOf');

/**
 * See `Database.idempotent`.
 * @throws TypeError for a key that is none: without its body any request would be the same
 */
export async function runOnce(
  transact: Transact,
  key: IdempotencyKey,
  effect: (tx: Transaction) => Promise<StoredResponse>,
): Promise<StoredResponse> {
  checkOptions(key, KEY, idempotentFault);
  requireFunction('effect', effect, 'async (tx) => ({ status: 201, body })', idempotentFault);
  const fingerprint = fingerprintOf(key.body, key.target);
  const id = rowOf(key);
  const result = await transact<StoredResponse | BusinessError>(async (tx) => {
    const [, lock, row] = await Promise.all([
      tx.begun,
      tx.ahead<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [lockOf(id)]),
      tx.ahead<StoredRow>(READ, id),
      tx.ahead('savepoint multilane_effect'),
    ]);
    if (row !== undefined) return replay(row, fingerprint);
    requireYoung(key.key);
    if (lock?.locked !== true) throw inProgress();
    try {
      const outcome = storable(await tx.within(effect));
      tx.last(STORE, [...id, fingerprint, 'done', outcome.status, JSON.stringify(outcome.body)]);
      return outcome;
    } catch (error) {
      if (!(error instanceof BusinessError)) throw error;
      requireStatus(error.status, 400);
      const refusal = JSON.stringify(jsonForm(refusalOf(error)));
      tx.last('rollback to savepoint multilane_effect');
      tx.last(STORE, [...id, fingerprint, 'refused', error.status, refusal]);
      return error;
    }
  });
  if (result instanceof BusinessError) throw result;
  return result;
}

/**
 * What is stored, and returned to the first caller too: the outcome as JSON carries it. It is looked at
 * inside of the transaction, so an effect whose outcome could not be repeated has not happened.
 * @throws TypeError for an outcome that is none, RangeError for its status
 */
function storable(outcome: StoredResponse): StoredResponse {
  if (typeof outcome !== 'object' || (outcome as StoredResponse | null) === null) {
    throw new TypeError('an effect that happens once must return { status, body }');
  }
  requireStatus(outcome.status, 200);
  return { status: outcome.status, body: jsonForm(outcome.body) };
}

function requireStatus(status: number, least: number): void {
  if (Number.isInteger(status) && status >= least && status <= 599) return;
  throw new RangeError(`the status of an outcome must be a whole number from ${least} to 599`);
}

/** Keys of requests are kept for so long. */
const KEPT_MS = 3 * 86_400_000;
/**
 * Keys of saga steps, which an operator may compensate long afterwards; longer while a saga of this process
 * is open that is older.
 */
const SAGA_KEPT_MS = 30 * 86_400_000;
/** What the clocks of two hosts may differ by. */
const CLOCKS_MS = 3_600_000;
/** `sagaId/step`; the id begins with the milliseconds of its start (UUID version 7). */
const SAGA_KEY = '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/';

/**
 * See `Database.compensate`. Waits for a forward call that is running now.
 * @throws Error for a saga so old that the key may be gone: nobody can tell whether there is anything to undo
 */
export async function compensate(
  transact: Transact,
  key: EffectKey,
  undo: (tx: Transaction, done: StoredResponse | undefined) => Promise<void>,
): Promise<void> {
  checkOptions(key, KEY, compensateFault);
  requireFunction('undo', undo, 'async (tx, done) => { … }', compensateFault);
  const id = rowOf(key);
  await transact(async (tx) => {
    const [, , row] = await Promise.all([
      tx.begun,
      tx.ahead('select pg_advisory_xact_lock($1)', [lockOf(id)]),
      tx.ahead<StoredRow>(READ, id),
    ]);
    if (row?.state === 'cancelled') return;
    if (row === undefined) requireYoung(key.key);
    const done = row?.state === 'done' ? toOutcome(row) : undefined;
    await tx.within((inner) => undo(inner, done));
    tx.last(BURY, id);
  });
}

/** See `Database.outcomeOf`. @throws Error as `compensate` does */
export async function outcomeOf(db: Queryable, key: EffectKey): Promise<StoredResponse | undefined> {
  checkOptions(key, KEY, outcomeFault);
  const row = await db.maybeOne<StoredRow>(READ, rowOf(key));
  if (row === undefined) requireYoung(key.key);
  return row?.state === 'done' ? toOutcome(row) : undefined;
}

const SWEEP = `delete from multilane.idempotency where (route, key) in (
  select route, key from multilane.idempotency
  where created_at < now() - $1 * interval '1 millisecond'
    and (key !~ '${SAGA_KEY}' or created_at < least(now() - $2 * interval '1 millisecond', $3::timestamptz))
  limit $4 for update skip locked)`;

/**
 * Forgets keys whose time is over, in batches that lock few rows for a short time.
 * @param openSince when the oldest saga was started that is open in this process; undefined: there is none
 * @returns how many were deleted
 */
export async function sweepIdempotency(
  db: Queryable,
  openSince: Date | undefined,
  batch = 1000,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const { rowCount } = await db.query(SWEEP, [KEPT_MS, SAGA_KEPT_MS, openSince ?? null, batch]);
    deleted += rowCount;
    if (rowCount < batch) return deleted;
  }
}

/**
 * The key that a client who is no service is given in place of its own. A key that looks like that of a saga
 * step is moved behind a line end, which no key of a request has: else a client that knows the id of its saga
 * could be there first, and the saga would take the client's effect for that of its step.
 */
export function strangersKey(key: string): string {
  return new RegExp(SAGA_KEY).test(key) ? `\n${key}` : key;
}

function requireYoung(key: string): void {
  if (!new RegExp(SAGA_KEY).test(key)) return;
  const startedAt = Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
  if (Date.now() - startedAt < SAGA_KEPT_MS - CLOCKS_MS) return;
  const since = new Date(startedAt).toISOString();
  throw new Error(
    `the saga of ${key} was started at ${since}: its keys may have been deleted, so nobody can tell whether ` +
      'the step was done; look at the data, then skip the step (POST /sagas/:id/skip)',
  );
}

function replay(row: StoredRow, fingerprint: string): StoredResponse | BusinessError {
  if (row.state === 'cancelled') {
    throw new HttpError('STEP_CANCELLED', 'This request was cancelled before it arrived.');
  }
  if (row.fingerprint !== fingerprint) {
    throw new HttpError('IDEMPOTENCY_KEY_REUSED', 'The idempotency key was used with another request.');
  }
  if (row.state === 'done') return toOutcome(row);
  const { code, message, details } = row.body as Refusal;
  return new BusinessError(code, message, { status: row.status!, ...(details === null ? {} : { details }) });
}

function toOutcome({ status, body, bodiless }: StoredRow): StoredResponse {
  return { status: status!, body: bodiless ? undefined : body };
}

function refusalOf({ code, message, members }: BusinessError): Refusal {
  const details = members?.details as Refusal['details'] | undefined;
  return { code, message, details: details ?? null };
}

function inProgress(): HttpError {
  return new HttpError('IDEMPOTENCY_IN_PROGRESS', 'The same request is being processed.', {
    headers: { 'retry-after': '1' },
  });
}

/**
 * Route and key of the row. A scope is hashed into the key, behind a line end, which no key of a request has:
 * so rows without a scope stay where they were, a principal is not stored, and no scope is too long for the
 * index. An empty scope is refused before: all that lack a principal would share their responses.
 */
function rowOf({ route, key, scope }: EffectKey): [route: string, key: string] {
  if (scope === undefined) return [route, key];
  return [route, `${key}\n${createHash('sha256').update(scope).digest('hex')}`];
}

/**
 * 64 bits of a hash, as PostgreSQL wants them: two keys that meet there wait for each other, nothing worse.
 */
function lockOf([route, key]: readonly [string, string]): string {
  return createHash('sha256').update(`${route}\n${key}`).digest().readBigInt64BE(0).toString();
}

/**
 * Of the canonical form: members sorted, no white space, numbers and strings as JSON.stringify writes them. A
 * request without a target has the fingerprint that was stored before there were targets; the line end, which
 * is in no canonical form, keeps the two kinds apart.
 */
export function fingerprintOf(body: unknown, target = ''): string {
  const hash = createHash('sha256');
  if (target !== '') hash.update(`${target}\n`);
  return hash.update(canonical(body)).digest('hex');
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (isPlain(member) ? sorted(member) : member)) ?? '';
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(object: Readonly<Record<string, unknown>>): object {
  const keys = Object.keys(object).sort();
  // From entries, so that a member named __proto__ stays a member.
  return Object.fromEntries(keys.map((key) => [key, object[key]]));
}
