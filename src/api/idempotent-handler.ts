// `Idempotency-Key` on a route (draft-ietf-httpapi-idempotency-key-header): effect and key in one
// transaction.
import type { Database, StoredResponse, Transaction } from '../db/database.js';
import { strangersKey } from '../db/idempotent-effect.js';
import { ValidationError } from '../errors.js';
import { jsonForm } from '../json-form.js';
import { checkOptions, FILLED_TEXT, requireFunction, shapeOf, typeErrorFor } from '../options.js';
import type { Context } from '../server/handler.js';
import { RequestContext } from '../server/request-context.js';
import { UnsendableError } from '../server/response/unsendable.js';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;
const FIELD = 'idempotency-key';

/**
 * The request's key, undefined when the field is absent. An empty one is refused: who sends the field relies
 * on it, and the core shows a value of nothing but bytes beyond ASCII as an empty one.
 * @throws ValidationError unless it is one value of 1..255 visible ASCII characters
 */
export function idempotencyKey(ctx: Pick<Context, 'headers'>): string | undefined {
  const [key, ...others] = ctx.headers.getAll(FIELD);
  if (others.length > 0) throw refusal('must be sent once');
  if (key === undefined) return undefined;
  if (!VISIBLE_ASCII.test(key)) throw refusal('must be 1 to 255 visible ASCII characters');
  return key;
}

export interface IdempotentOptions {
  /**
   * Whose key it is: the id of the user or client that the route has authenticated. Without it a client that
   * uses another one's key for the same request gets that one's response.
   */
  readonly scope: string;
}

const OPTIONS = shapeOf<IdempotentOptions>('{ scope: user.id }', { scope: FILLED_TEXT }, ['scope']);
const fault = typeErrorFor('idempotent');

type IdempotentContext = Pick<
  Context,
  'method' | 'route' | 'params' | 'query' | 'headers' | 'status' | 'isPeer'
> & {
  readonly body: unknown;
};

/**
 * Runs `effect` in a transaction; with an `Idempotency-Key` at most once for each key, a repetition getting
 * the stored response. The key belongs to `METHOD /route/:template` and the scope, which is also what
 * `db.compensate` and `db.outcomeOf` are to be given. The same key with other path parameters, another query
 * or another (validated) body is 422 IDEMPOTENCY_KEY_REUSED. Sets the status and returns the body as JSON
 * carries it, the first time and ever after. A status or body that the route cannot send rolls the effect
 * back: the body is that of the response, so it must fit the schema that the route declares. Header fields
 * that the effect sets are not stored: set them behind this call. Keys of saga steps (`sagaId/step`) are
 * those of services: a client that sends one gets a row of its own.
 * @throws UnsendableError (500) for an outcome that cannot be sent; nothing is done then
 * @throws TypeError when the scope is no text or empty, so that a missing principal is never a shared one
 */
export async function idempotent<T>(
  ctx: IdempotentContext,
  db: Database,
  effect: (tx: Transaction) => Promise<StoredResponse & { readonly body: T }>,
  options?: IdempotentOptions,
): Promise<T> {
  requireFunction('effect', effect, 'async (tx) => ({ status: 201, body })', fault);
  if (options !== undefined) checkOptions(options, OPTIONS, fault);
  const { scope } = options ?? {};
  const key = idempotencyKey(ctx);
  const sendable = async (tx: Transaction): Promise<StoredResponse> => requireSendable(ctx, await effect(tx));
  const outcome =
    key === undefined
      ? await db.transaction(sendable)
      : await db.idempotent(
          {
            route: `${ctx.method} ${ctx.route}`,
            key: ctx.isPeer ? key : strangersKey(key),
            ...(scope === undefined ? {} : { scope }),
            target: targetOf(ctx),
            body: ctx.body,
          },
          sendable,
        );
  ctx.status(outcome.status);
  return outcome.body as T;
}

/**
 * The outcome as it is sent and stored. Inside of the transaction, so that what cannot be sent has not
 * happened.
 */
function requireSendable(ctx: IdempotentContext, { status, body }: StoredResponse): StoredResponse {
  ctx.status(status);
  let form: unknown;
  try {
    form = jsonForm(body);
  } catch (error) {
    const { message, cause } = error as TypeError;
    throw new UnsendableError(ctx, `gave a body to idempotent() that cannot be kept: ${message}`, cause);
  }
  if (ctx instanceof RequestContext) ctx.checkBody(form);
  return { status, body: form };
}

/**
 * Path parameters and query as the handler sees them, so two requests that it cannot tell apart are the same:
 * names in any order, the values of one name in theirs, whatever the encoding. Empty when there are none.
 */
function targetOf({ params, query }: Pick<IdempotentContext, 'params' | 'query'>): string {
  const parameters = Object.entries(params).toSorted(byName);
  const queried = [...query.names()].map((name) => [name, query.getAll(name)] as const).toSorted(byName);
  return parameters.length + queried.length === 0 ? '' : JSON.stringify([parameters, queried]);
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

const refusal = (message: string): ValidationError => new ValidationError([{ path: `/${FIELD}`, message }]);
