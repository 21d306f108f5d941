// `Idempotency-Key` on a route (draft-ietf-httpapi-idempotency-key-header): the effect and the key are stored
// in one transaction.
import type { Database, StoredResponse, Transaction } from '../db/database.js';
import { externalKey } from '../db/idempotency-keys.js';
import { ValidationError } from '../errors.js';
import { jsonForm } from '../json-form.js';
import { checkOptions, FILLED_TEXT, requireFunction, shapeOf, typeErrorFor } from '../options.js';
import type { Context } from '../server/handler.js';
import type { RequestContext } from '../server/request-context.js';
import { UnsendableError } from '../server/response/unsendable.js';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;
const FIELD = 'idempotency-key';

/**
 * The `Idempotency-Key` of a request; undefined when the field is absent. An empty key is refused, because a
 * client that sends the field relies on it. A value of nothing but non-ASCII bytes is refused too: the HTTP
 * core reports it as empty.
 * @throws ValidationError unless the field is one value of 1..255 visible ASCII characters
 */
export function idempotencyKey(ctx: Pick<Context, 'headers'>): string | undefined {
  const [key, ...others] = ctx.headers.getAll(FIELD);
  if (others.length > 0) throw refusal('must be sent once');
  if (key === undefined) return undefined;
  if (!VISIBLE_ASCII.test(key)) throw refusal('must be 1 to 255 visible ASCII characters');
  return key;
}

/** The options of `idempotent`. */
export interface IdempotentOptions {
  /**
   * The owner of the key: the id of the user or client that the route has authenticated. Without a scope, a
   * client that sends another client's key with the same request gets that client's response.
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
 * Runs `effect` in a transaction. With an `Idempotency-Key` it runs at most once for each key, and a repeated
 * request gets the stored response. Sets the status and returns the body in its JSON form, for the first
 * request as for a repeated one.
 *
 * The key belongs to `METHOD /route/:template` and the scope; pass the same to `db.compensate` and
 * `db.outcomeOf`. Keys of saga steps (`sagaId/step`) are reserved for calls between services: a client that
 * sends one gets a row of its own. The body is sent as the response, so it must fit the schema that the route
 * declares; a status or body that cannot be sent rolls the effect back. Header fields that the effect sets
 * are not stored: set them after this call.
 * @throws HttpError IDEMPOTENCY_KEY_REUSED (422) for the same key with other path parameters, another query
 *   or another validated body; IDEMPOTENCY_IN_PROGRESS (409) while the first request runs; STEP_CANCELLED
 *   (409) when `db.compensate` came first
 * @throws UnsendableError (500) for a response that cannot be sent; nothing is done then
 * @throws ValidationError for a malformed key; TypeError for a scope that is not a string or is empty, so
 *   that a missing user id is never a scope that all users share
 * @example
 *   app.post('/orders', { body: NewOrder }, async (ctx) => {
 *     const order = await idempotent(
 *       ctx,
 *       db,
 *       async (tx) => ({ status: 201, body: await insertOrder(tx, ctx.body) }),
 *       { scope: String(ctx.state.userId) },
 *     );
 *     ctx.header('location', `/orders/${order.id}`); // after the call, so that repeated requests get it too
 *     return order;
 *   });
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
  const response =
    key === undefined
      ? await db.transaction(sendable)
      : await db.idempotent(
          {
            route: `${ctx.method} ${ctx.route}`,
            key: ctx.isPeer ? key : externalKey(key),
            ...(scope === undefined ? {} : { scope }),
            target: targetOf(ctx),
            body: ctx.body,
          },
          sendable,
        );
  ctx.status(response.status);
  return response.body as T;
}

/**
 * The response as it is sent and stored. It is checked within the transaction, so that an effect whose
 * response cannot be sent is rolled back.
 */
function requireSendable(ctx: IdempotentContext, { status, body }: StoredResponse): StoredResponse {
  ctx.status(status);
  let form: unknown;
  try {
    form = jsonForm(body);
  } catch (error) {
    const { message, cause } = error as TypeError;
    throw new UnsendableError(ctx, `gave a body to idempotent() that cannot be stored: ${message}`, cause);
  }
  // A context that a test has made itself has no schema to check against.
  (ctx as Partial<Pick<RequestContext, 'checkBody'>>).checkBody?.(form);
  return { status, body: form };
}

/**
 * Path parameters and query as the handler sees them, so that requests which it cannot tell apart are equal:
 * the order of names and the encoding do not matter, the order of the values of one name does. Empty when
 * there are none.
 */
function targetOf({ params, query }: Pick<IdempotentContext, 'params' | 'query'>): string {
  const parameters = Object.entries(params).toSorted(byName);
  const queried = [...query.names()].map((name) => [name, query.getAll(name)] as const).toSorted(byName);
  return parameters.length + queried.length === 0 ? '' : JSON.stringify([parameters, queried]);
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

const refusal = (message: string): ValidationError => new ValidationError([{ path: `/${FIELD}`, message }]);
