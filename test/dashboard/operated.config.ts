// A project for an operator: a route that is fast, one that fails, one that hangs, one that computes, one
// whose statement fails, one that admits one request at a time, calls of services that are registered from
// outside, tasks, and a saga that waits for a repair.
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { BusinessError, defineConfig, defineSaga, defineService, HttpError } from 'multilane';

const NAP_MS = 20;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** The project has one worker, so its sagas and its routes have the same state. */
const till = { isRepaired: false };
/** Requests of `/drawer` wait until it is closed. */
const drawer = new EventEmitter();

/** Computes for some milliseconds. Its name is what an operator looks for in a CPU profile. */
function renderReport(ms: number): number {
  const end = performance.now() + ms;
  let rows = 0;
  while (performance.now() < end) for (let n = 0; n < 10_000; n++) rows = (rows * 31 + n) % 65_521;
  return rows;
}

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
      tasks: new URL('./operated.tasks.js', import.meta.url),
      routes(app, { call, cpu, db, log, sagas }) {
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
        app.get('/call/:service', async ({ params }) => {
          try {
            return { status: (await call(params.service ?? '').get('/', { retries: 0 })).status };
          } catch (error) {
            if (!(error instanceof HttpError)) throw error;
            return { code: error.code };
          }
        });
        app.get('/report', ({ query }) => ({ rows: renderReport(Number(query.get('ms'))) }));
        app.get('/resize', () => cpu.run('resize', {}));
        app.get('/ledger', () => db.many('select amount from ledger'));
        app.post('/orders/:kind', ({ params }) => sagas.start('order', params.kind ?? ''));
        app.get('/drawer', { maxConcurrent: 1 }, async () => {
          await once(drawer, 'closed');
          return {};
        });
        app.post('/drawer', () => {
          drawer.emit('closed');
          return {};
        });
        app.post('/repair', () => {
          till.isRepaired = true;
          return {};
        });
      },
    }),
  ],
});
