import { once } from 'node:events';
import {
  type Application,
  type Context,
  type Database,
  DeadlineExceededError,
  idempotencyKey,
  idempotent,
  NotFoundError,
  type ServiceDeps,
  Type,
} from 'multilane';
import { currencyOf, refuseDeclined, refuseFlaky } from './rules.js';
import { Key, NewPayment, Payment } from './schema.js';
import { countAttempt, insertCaptured, refund } from './store.js';

/** The route to which the idempotency keys of captures belong. */
const CAPTURE = 'POST /api/payments';

const ByKey = Type.Object({ key: Key });

export function routes(app: Application, { db }: ServiceDeps): void {
  app.post(
    '/api/payments',
    {
      body: NewPayment,
      response: { 201: Payment },
      errors: { 402: 'PAYMENT_DECLINED' },
      idempotencyKey: 'optional',
      summary: 'Capture a payment',
    },
    async (ctx) => {
      const { method } = ctx.body;
      const currency = currencyOf(ctx.body);
      if (method === 'tok_flaky') refuseFlaky(await attemptsOf(ctx, db));
      const payment = await idempotent(ctx, db, async (tx) => {
        refuseDeclined(method);
        return { status: 201, body: await insertCaptured(tx, { ...ctx.body, currency }) };
      });
      if (method === 'tok_timeout') await neverRespond(ctx.signal);
      return payment;
    },
  );

  app.get(
    '/internal/payments/outcome',
    { internal: true, query: ByKey, summary: 'The stored response of a keyed capture' },
    async (ctx) => {
      const stored = await db.outcomeOf({ route: CAPTURE, key: ctx.input.query.key });
      if (!stored) throw new NotFoundError('This key has no stored response.');
      return stored;
    },
  );

  app.post(
    '/internal/payments/undo',
    { internal: true, body: ByKey, summary: 'Refund a keyed capture, or prevent a late one' },
    async (ctx) => {
      await db.compensate({ route: CAPTURE, key: ctx.body.key }, async (tx, done) => {
        if (done) await refund(tx, (done.body as Payment).id);
      });
    },
  );
}

/**
 * How often the request's key was tried, this time included. Without a key it is always the first attempt.
 */
async function attemptsOf(ctx: Pick<Context, 'headers'>, db: Database): Promise<number> {
  const key = idempotencyKey(ctx);
  return key === undefined ? 1 : countAttempt(db, key);
}

/** Waits until the request ends: the capture is committed, but the caller never gets its response. */
async function neverRespond(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new DeadlineExceededError('The payment provider did not respond in time.');
}
