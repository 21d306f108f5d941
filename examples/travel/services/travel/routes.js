import { idempotencyKey } from 'multilane';
import { tripOf } from './rules.js';
import { BySagaId, NewTrip } from './schema.js';
import { inventory } from './store.js';

/**
 * @param {import('multilane').Application} app
 * @param {import('multilane').ServiceDeps} deps
 */
export function routes(app, { db, sagas }) {
  // The response is 202: the saga outlives the request, and also a restart of the process.
  app.post('/api/trips', { body: NewTrip, summary: 'Book a trip' }, async (ctx) => {
    const key = idempotencyKey(ctx);
    const { sagaId, status } = await sagas.start(
      'trip',
      ctx.body,
      key === undefined ? {} : { idempotencyKey: key },
    );
    ctx.status(202).header('location', `/api/trips/${sagaId}`);
    return { sagaId, status };
  });

  // `?wait=5` waits up to that many seconds (30 at most) for the end.
  app.get('/api/trips/:sagaId', { params: BySagaId, summary: 'The state of a trip' }, async (ctx) => {
    const seconds = Math.min(Number(ctx.query.get('wait') ?? 0) || 0, 30);
    const timeoutMs = Math.min(seconds * 1000, ctx.deadline.remainingMs() - 500);
    return tripOf(await sagas.wait(ctx.params.sagaId, { timeoutMs: Math.max(0, timeoutMs) }));
  });

  app.get('/api/inventory', { summary: 'The available places' }, () => inventory(db));
}
