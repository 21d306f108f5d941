// `Idempotency-Key` on a route (draft-ietf-httpapi-idempotency-key-header): effect and key in one transaction.
import type { Database, Outcome, Transaction } from '../db/database.js';
import { ValidationError } from '../errors.js';
import type { Context } from '../server/handler.js';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;
const FIELD = 'idempotency-key';

/**
 * The request's key, undefined when the field is absent. An empty one is refused: who sends the field relies on it,
 * and the core shows a value of nothing but bytes beyond ASCII as an empty one.
 * @throws ValidationError unless it is one value of 1..255 visible ASCII characters
 */
export function idempotencyKey(ctx: Pick<Context, 'headers'>): string | undefined {
  const [key, ...others] = ctx.headers.getAll(FIELD);
  if (others.length > 0) throw refusal('must be sent once');
  if (key === undefined) return undefined;
  if (!VISIBLE_ASCII.test(key)) throw refusal('must be 1 to 255 visible ASCII characters');
  return key;
}

/**
 * Runs `effect` in a transaction; with an `Idempotency-Key` at most once per key, route and body, a repetition
 * getting the stored answer. The key belongs to `METHOD /route/:template`, which is also what `db.cancel` and
 * `db.outcome` are to be given. Sets the status and returns the body, which must be JSON.
 */
export async function idempotent<T>(
  ctx: Pick<Context, 'method' | 'route' | 'headers' | 'status'> & { readonly body: unknown },
  db: Database,
  effect: (tx: Transaction) => Promise<Outcome & { readonly body: T }>,
): Promise<T> {
  const key = idempotencyKey(ctx);
  const outcome =
    key === undefined
      ? await db.transaction(effect)
      : await db.once({ route: `${ctx.method} ${ctx.route}`, key, body: ctx.body }, effect);
  ctx.status(outcome.status);
  return outcome.body as T;
}

const refusal = (message: string): ValidationError => new ValidationError([{ path: `/${FIELD}`, message }]);
