// A project that uses all features which depend on time: limits, calls, deadlines, streams, sagas, keys, and
// a growing heap.
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { BusinessError, defineConfig, defineSaga, defineService, HttpError } from 'multilane';

const leaked: unknown[] = [];

const attempts = new Map<string, number>();
const order = defineSaga<{ refuse: boolean }>({
  name: 'order',
  version: 1,
  steps: [
    {
      name: 'flaky',
      retry: { attempts: 5, backoffMs: 20 },
      run: async (_input, { sagaId }) => {
        const attempt = (attempts.get(sagaId) ?? 0) + 1;
        attempts.set(sagaId, attempt);
        if (attempt < 3) throw new Error('not yet');
        return attempt;
      },
      compensate: async () => undefined,
    },
    {
      name: 'refusing',
      run: async ({ refuse }) => {
        if (refuse) throw new BusinessError('NO_STOCK', 'There is none.');
        return null;
      },
    },
  ],
});

const stepping = defineService({
  name: 'stepping',
  sagas: [order],
  routes(app, { call, db, sagas, shared }) {
    const few = shared.bulkhead('few', { limit: 1, queue: 50, queueMs: 5_000 });
    app.get('/thread', () => ({ thread: threadId }));
    app.get('/twice', { rateLimit: { limit: '2/minute', key: { header: 'x-client' } } }, () => ({}));
    app.get('/refilled', { rateLimit: { limit: '1/second', key: { header: 'x-client' } } }, () => ({}));
    app.get('/few', () => few.run(() => sleep(2, { thread: threadId })));
    app.get('/late', { timeoutMs: 200 }, () => new Promise(() => undefined));
    app.get('/stand', () => {
      for (;;);
    });
    app.get('/leak', () => {
      for (let n = 0; n < 1_000_000; n++) leaked.push({ n });
      return { leaked: leaked.length };
    });
    app.get('/events', (ctx) =>
      ctx.sse(async function* () {
        for (let n = 0; n < 10; n++) {
          await sleep(20);
          yield { data: { n } };
        }
      }),
    );
    app.get('/call/:retries', async (ctx) => {
      try {
        const retries = Number(ctx.params.retries);
        return { status: (await call('things').get('/', { retries })).status };
      } catch (error) {
        if (error instanceof HttpError) return { code: error.code };
        throw error;
      }
    });
    app.get('/once/:key', async (ctx) => {
      const key = { route: 'GET /once', key: ctx.params.key!, body: {} };
      return (await db.idempotent(key, async () => ({ status: 200, body: { at: performance.now() } }))).body;
    });
    app.get('/saga/:refuse', async (ctx) => {
      const input = { refuse: ctx.params.refuse === 'yes' };
      const { sagaId } = await sagas.start('order', input, { idempotencyKey: crypto.randomUUID() });
      return sagas.wait(sagaId, { timeoutMs: 10_000 });
    });
  },
});

export default defineConfig({ services: [stepping] });
