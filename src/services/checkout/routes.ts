import {
  type Application,
  type Context,
  HttpError,
  idempotencyKey,
  type SagaId,
  type Sagas,
  type SagaView,
  type ServiceDeps,
} from 'multilane';
import { checkCurrency, compensated, hasEnded, idsOf, prefersAsync, progressOf } from './rules.js';
import { checkoutSaga } from './saga.js';
import {
  Accepted,
  BySagaId,
  Checkout,
  type CheckoutResults,
  Completed,
  Located,
  Preferences,
  Progress,
} from './schema.js';

/** A waiting client gets 202 this long before the deadline of its request. */
const MARGIN_MS = 1000;

export function routes(app: Application, { sagas }: ServiceDeps): void {
  app.post(
    '/api/checkout',
    {
      headers: Preferences,
      body: Checkout,
      response: { 201: Completed, 202: Accepted },
      responseHeaders: { 201: Located, 202: Located },
      errors: { 402: 'SAGA_COMPENSATED', 409: 'SAGA_COMPENSATED' },
      idempotencyKey: 'required',
      summary: 'Check out: all steps or none',
    },
    async (ctx) => {
      const key = idempotencyKey(ctx)!;
      checkCurrency(ctx.body);
      const { sagaId, status, created } = await sagas.start(checkoutSaga, ctx.body, { idempotencyKey: key });
      const location = locationOf(sagaId);
      if (!created) {
        if (!hasEnded(status)) throw inProgress(location);
        return respond(ctx, await sagas.get(sagaId));
      }
      if (prefersAsync(ctx.headers.getAll('prefer'))) {
        ctx.status(202).header('location', location).header('preference-applied', 'respond-async');
        return { sagaId, status: 'running' };
      }
      return respond(ctx, await waitFor(sagas, sagaId, ctx));
    },
  );

  app.get(
    '/api/checkout/:sagaId',
    {
      params: BySagaId,
      response: { 200: Progress },
      errors: { 404: 'NOT_FOUND' },
      summary: 'The progress of a checkout',
    },
    async (ctx) => progressOf(await sagas.get(ctx.input.params.sagaId)),
  );
}

const locationOf = (sagaId: string): string => `/api/checkout/${sagaId}`;

const waitFor = (
  sagas: Sagas,
  sagaId: SagaId<CheckoutResults>,
  ctx: Pick<Context, 'deadline'>,
): Promise<SagaView<CheckoutResults>> =>
  sagas.wait(sagaId, { timeoutMs: Math.max(0, ctx.deadline.remainingMs() - MARGIN_MS) });

const inProgress = (location: string): HttpError =>
  new HttpError('IDEMPOTENCY_IN_PROGRESS', 'The checkout of this key is still running.', {
    headers: { 'retry-after': '1', location },
  });

function respond(
  ctx: Pick<Context, 'status' | 'header'>,
  view: SagaView<CheckoutResults>,
): Completed | Accepted {
  const { sagaId, status } = view;
  if (status === 'compensated') throw compensated(view);
  ctx.header('location', locationOf(sagaId));
  if (view.status === 'completed') {
    ctx.status(201);
    return { sagaId, status, ...idsOf(view.results) };
  }
  ctx.status(202);
  return { sagaId, status: hasEnded(status) ? status : 'running' };
}
