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

/** What the idempotency keys of captures belong to. */
const CAPTURE = 'POST /api/payments';

const ByKey = Type.Object({ key: Key });

export function routes(app: Application, { db }: ServiceDeps): void {
  app.post(
    '/api/payments',
    { body: NewPayment, response: { 201: Payment }, summary: 'Capture a payment' },
    async (ctx) => {
      const { method } = ctx.body;
      const currency = currencyOf(ctx.body);
      if (method === 'tok_flaky') refuseFlaky(await attemptsOf(ctx, db));
      const payment = await idempotent(ctx, db, async (tx) => {
        refuseDeclined(method);
        return { status: 201, body: await insertCaptured(tx, { ...ctx.body, currency }) };
      });
      if (method === 'tok_timeout') await neverAnswer(ctx.signal);
      return payment;
    },
  );

  app.get(
    '/internal/payments/outcome',
    { internal: true, query: ByKey, summary: 'What became of a keyed capture' },
    async (ctx) => {
      const outcome = await db.outcomeOf({ route: CAPTURE, key: ctx.input.query.key });
      if (!outcome) throw new NotFoundError('This key has no outcome.');
      return outcome;
    },
  );

  app.post(
    '/internal/payments/undo',
    { internal: true, body: ByKey, summary: 'Refund a keyed capture, or forbid a late one' },
    async (ctx) => {
      await db.compensate({ route: CAPTURE, key: ctx.body.key }, async (tx, done) => {
        if (done) await refund(tx, (done.body as Payment).id);
      });
    },
  );
}

/** Without a key every request is a first attempt. */
async function attemptsOf(ctx: Pick<Context, 'headers'>, db: Database): Promise<number> {
  const key = idempotencyKey(ctx);
  return key === undefined ? 1 : countAttempt(db, key);
}

/** What was captured is committed; the answer is lost, as on a cut line. Ends with the request. */
async function neverAnswer(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new DeadlineExceededError('The payment provider did not answer in time.');
}
