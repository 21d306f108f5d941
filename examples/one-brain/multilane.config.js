// A shop whose payments go to a bank. All workers of the process share one circuit breaker for the bank.
import { threadId } from 'node:worker_threads';
import { defineConfig, defineService, HttpError } from 'multilane';

const shop = defineService({
  name: 'shop',
  routes(app, { call }) {
    app.get('/pay', async () => {
      try {
        // One attempt, so that a request is one call.
        const { status } = await call('bank').get('/charge', { retries: 0 });
        return { worker: threadId, status };
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        return { worker: threadId, refused: error.code };
      }
    });
    app.get('/worker', () => ({ worker: threadId }));
  },
});

export default defineConfig({ services: [shop] });
