// A project that uses all features with a clock: rate limits by a key of its own, calls, a slow handler.
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { defineConfig, defineService, HttpError } from 'multilane';

const aged = defineService({
  name: 'aged',
  routes(app, { call, shared }) {
    const few = shared.bulkhead('few', { limit: 1, queue: 50, queueMs: 5_000 });
    app.get('/limited', { rateLimit: { limit: '100/second', key: { header: 'x-client' } } }, () => ({}));
    app.get('/twice', { rateLimit: { limit: '2/minute', key: { header: 'x-client' } } }, () => ({}));
    app.get('/few', () => few.run(() => sleep(2, { worker: threadId })));
    app.get('/burn/:ms', (ctx) => {
      const end = performance.now() + Number(ctx.params.ms);
      while (performance.now() < end);
      return {};
    });
    app.get('/call', async () => {
      try {
        return { status: (await call('things').get('/', { retries: 0 })).status };
      } catch (error) {
        if (error instanceof HttpError) return { code: error.code };
        throw error;
      }
    });
  },
});

export default defineConfig({ services: [aged] });
