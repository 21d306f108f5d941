// Effects that happen at most once per key (`db.idempotent`, `db.compensate`, `db.outcomeOf`).
//
// The key, a fingerprint of the request and the outcome are stored in the transaction of the effect, so they
// exist together or not at all. A tombstone keeps a cancelled effect from happening later. While a call runs,
// its key is locked by an advisory lock, which ends with the transaction.
//
// The lock is taken by a statement of its own, before the one that reads the row: that one has to get its
// snapshot after the lock, or it would miss what the previous holder has committed. All of them are sent at
// once, so a call takes three round trips: (BEGIN, lock, read, savepoint), the effect, (store, COMMIT).
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
import { lockOf, requireRetained, rowOf } from './idempotency-keys.js';
import type { OpenTransaction } from './open-transaction.js';
import { fingerprintOf } from './request-fingerprint.js';

/** Runs a function in a transaction, see `transact`. */
export type Transact = <T>(fn: (tx: OpenTransaction) => Promise<T>) => Promise<T>;

interface StoredRow {
  readonly state: 'done' | 'refused' | 'cancelled';
  readonly fingerprint: string | null;
  readonly status: number | null;
  readonly body: unknown;
  /** Tells a response without a body from one whose body is the JSON value null. */
  readonly bodiless: boolean;
}

/** The stored form of a BusinessError. */
interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>> | null;
}

const READ = `select state, fingerprint, status, body, body is null as bodiless
  from multilane.idempotency where route = $1 and key = $2`;
const STORE = `insert into multilane.idempotency (route, key, fingerprint, state, status, body)
  values ($1, $2, $3, $4, $5, $6)`;
const STORE_TOMBSTONE = `insert into multilane.idempotency (route, key, state) values ($1, $2, 'cancelled')
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
 * @throws TypeError for an invalid key, such as one with a misspelt member: without its body, all requests
 *   with that key would be taken for the same
 */
export async function runIdempotent(
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
    requireRetained(key.key);
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
 * See `Database.compensate`. Waits for a forward call that runs at the moment.
 * @throws Error for a saga so old that the key may have been deleted: it is not known whether there is
 *   anything to undo
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
    if (row === undefined) requireRetained(key.key);
    const done = row?.state === 'done' ? toResponse(row) : undefined;
    await tx.within((inner) => undo(inner, done));
    tx.last(STORE_TOMBSTONE, id);
  });
}

/** See `Database.outcomeOf`. @throws Error as `compensate` does */
export async function outcomeOf(db: Queryable, key: EffectKey): Promise<StoredResponse | undefined> {
  checkOptions(key, KEY, outcomeFault);
  const row = await db.maybeOne<StoredRow>(READ, rowOf(key));
  if (row === undefined) requireRetained(key.key);
  return row?.state === 'done' ? toResponse(row) : undefined;
}

/**
 * The outcome in the form in which it is stored, as JSON; the first caller gets the same form. It is checked
 * inside the transaction, so an effect whose outcome could not be repeated does not happen.
 * @throws TypeError for an outcome that is no `{ status, body }`, RangeError for its status
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

/** The result of a key that is stored already. @throws HttpError when the key stands for something else */
function replay(row: StoredRow, fingerprint: string): StoredResponse | BusinessError {
  if (row.state === 'cancelled') {
    throw new HttpError('STEP_CANCELLED', 'This request was cancelled before it arrived.');
  }
  if (row.fingerprint !== fingerprint) {
    throw new HttpError('IDEMPOTENCY_KEY_REUSED', 'The idempotency key was used with another request.');
  }
  if (row.state === 'done') return toResponse(row);
  const { code, message, details } = row.body as Refusal;
  return new BusinessError(code, message, { status: row.status!, ...(details === null ? {} : { details }) });
}

function toResponse({ status, body, bodiless }: StoredRow): StoredResponse {
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
