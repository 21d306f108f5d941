// A project for an operator: a route that is fast, calls of a service that is registered from outside, and a
// saga that waits for a repair.
import { BusinessError, defineConfig, defineSaga, defineService, HttpError } from 'multilane';

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
      routes(app, { call, sagas }) {
        app.get('/hello/:name', ({ params }) => ({ hello: params.name }));
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
