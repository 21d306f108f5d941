// The application of bench/peers/hono-node, mounted. What Hono leaves to its adapters, files and WebSockets, are
// routes beside it.
import { Ajv } from 'ajv';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { validator } from 'hono/validator';
import { defineConfig, defineService, type Static } from 'multilane';
import { Order } from './order.js';
import { Ticker } from './ticker.js';

const isOrder = new Ajv().compile<Static<typeof Order>>(Order);
const ticker = new Ticker();

const app = new Hono();

app.get('/plaintext', (c) => c.text('Hello, World!'));

app.get('/json', (c) => c.json({ message: 'Hello, World!' }));

app.get('/users/:id', (c) => c.json({ id: c.req.param('id') }));

app.get('/search', (c) =>
  c.json({ q: c.req.query('q'), page: Number.parseInt(c.req.query('page') ?? '', 10) }),
);

const order = validator('json', (value, c) => (isOrder(value) ? value : c.text('not an order', 400)));
app.post('/echo', order, (c) => c.json(c.req.valid('json')));

app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    for await (const event of ticker.events(c.req.raw.signal)) await stream.writeSSE(event);
  }),
);

const bench = defineService({
  name: 'bench',
  fetch: app.fetch,
  routes(routes) {
    routes.get('/file.html', (ctx) => ctx.file('.', 'file.html'));
    routes.ws('/ws', { message: (ws, data, isBinary) => void ws.send(data, isBinary) });
  },
});

export default defineConfig({ services: [bench] });
