// A project for an operator: a route that is fast, one that fails, one that hangs, calls of a service that is
// registered from outside, and a saga that waits for a repair.
import { existsSync } from 'node:fs';
import { BusinessError, defineConfig, defineSaga, defineService, HttpError } from 'multilane';

const NAP_MS = 20;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** The project has one worker, so its sagas and its routes have the same state. */
const till = { isRepaired: false };

const order = defineSaga({
  name: 'order',
  version: 1,
  steps: [
    { name: 'reserve', run: () => ({ place: 7 }), compensate: () => undefined },
    {
      name: 'charge',
      retry: { attempts: 9, backoffMs: 3_600_000, maxBackoffMs: 3_600_000 },
      run(input) {
        if (input === 'declined') throw new BusinessError('CARD_DECLINED', 'The card was declined.');
        if (!till.isRepaired) throw new Error('the till is out of order');
        return { paid: true };
      },
    },
  ],
});

export default defineConfig({
  services: [
    defineService({
      name: 'desk',
      sagas: [order],
      routes(app, { call, log, sagas }) {
        app.get('/hello/:name', ({ params }) => ({ hello: params.name }));
        app.get('/fail', () => {
          log.warn('the drawer is stuck');
          throw new Error('the drawer does not open');
        });
        // Its worker does nothing else until the file exists.
        app.get('/hang', ({ query }) => {
          while (!existsSync(query.get('until') ?? '')) Atomics.wait(nap, 0, 0, NAP_MS);
          return {};
        });
        app.get('/call', async () => {
          try {
            return { status: (await call('stock').get('/', { retries: 0 })).status };
          } catch (error) {
            if (!(error instanceof HttpError)) throw error;
            return { code: error.code };
          }
        });
        app.post('/orders/:kind', ({ params }) => sagas.start('order', params.kind ?? ''));
        app.post('/repair', () => {
          till.isRepaired = true;
          return {};
        });
      },
    }),
  ],
});
