// The project of this package in the comparison, written as by a user: no hooks, no database. It imports
// nothing but the package, because the bench also runs a copy of it with the build of another checkout.
import { defineConfig, defineService, Type } from 'multilane';
import { Order } from './order.js';
import { Ticker } from './ticker.js';

const MESSAGE = 'Hello, World!';

const Search = Type.Object({ q: Type.String(), page: Type.Integer() });

const bench = defineService({
  name: 'bench',
  routes(app, { call }) {
    // The routes of a large application, half of them with a parameter, for `npm run bench:growth`.
    for (let n = 0; n < Number(process.env.BENCH_ROUTES ?? 0); n += 2) {
      app.get(`/more/${n}`, () => MESSAGE);
      app.get(`/more/${n}/:id`, () => MESSAGE);
    }
    app.get('/plaintext', () => MESSAGE);
    app.get('/json', () => ({ message: MESSAGE }));
    app.get('/users/:id', (ctx) => ({ id: ctx.params.id }));
    app.get('/search', { query: Search }, (ctx) => ctx.input.query);
    app.post('/echo', { body: Order }, (ctx) => ctx.body);
    app.get('/file.html', (ctx) => ctx.file('.', 'file.html'));

    const ticker = new Ticker();
    app.get('/events', (ctx) => ctx.sse(ticker.events(ctx.signal)));
    app.ws('/ws', { message: (ws, data, isBinary) => void ws.send(data, isBinary) });

    app.get('/call', async () => (await call('messages').get('/messages/1')).json());
    app.get('/hop', async () => (await call('upstream').get('/json')).json());
  },
});

/** The service that `/call` calls. */
const messages = defineService({
  name: 'messages',
  routes(app) {
    app.get('/messages/:id', () => ({ message: MESSAGE }));
  },
});

export default defineConfig({ services: [bench, messages], gateway: { upstream: {} } });
