// The smallest project: one service in one file. The primary and every worker load `multilane.config.js`, so
// it declares and starts nothing.
import { defineConfig, defineService, Type } from 'multilane';

const Item = Type.Object({ name: Type.String({ minLength: 1 }), price: Type.Integer({ minimum: 0 }) });

const demo = defineService({
  name: 'demo',
  tasks: new URL('./tasks.js', import.meta.url),
  routes(app, { call, cpu }) {
    // The value that a handler returns is the response: object or null -> JSON, string -> text, bytes ->
    // bytes, undefined -> 204.
    app.get('/hello/:name', (ctx) => ({ hello: ctx.params.name, q: ctx.query.get('q') ?? null }));

    // The body is validated before the handler runs (422 otherwise); the response is written by its schema.
    app.post('/items', { body: Item, response: { 201: Item }, timeoutMs: 2000 }, (ctx) => {
      ctx.status(201);
      ctx.header('x-price', String(ctx.body.price));
      return ctx.body;
    });

    // The raw body, up to 4 MB.
    app.post('/raw', { bodyLimit: 4e6, chunked: 'accept' }, async (ctx) => ctx.readBytes());

    // A call to another service by its name. When it runs nowhere, the response is 503 NO_INSTANCE.
    app.get('/orders/:id(\\d+)', async (ctx) => {
      const response = await call('orders').get(`/api/orders/${ctx.params.id}`, { signal: ctx.signal });
      ctx.status(response.status);
      return response.json();
    });

    // Work that would block the event loop runs on the CPU pool, and stops when the client disconnects.
    app.get('/slow', async (ctx) => cpu.run('fib', { n: 30 }, { signal: ctx.signal }));
  },
});

export default defineConfig({ services: [demo] });
