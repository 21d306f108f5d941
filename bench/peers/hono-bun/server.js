import Ajv from 'ajv';
import { Hono } from 'hono';
import { serveStatic, upgradeWebSocket, websocket } from 'hono/bun';
import { streamSSE } from 'hono/streaming';
import { validator } from 'hono/validator';
import { orderSchema } from '../shared/order-schema.js';
import { onEveryCore } from '../shared/reuse-port.js';
import { nextTick } from '../shared/ticker.js';

const isOrder = new Ajv().compile(orderSchema);

const app = new Hono();

app.get('/plaintext', (c) => c.text('Hello, World!'));

app.get('/json', (c) => c.json({ message: 'Hello, World!' }));

app.get('/users/:id', (c) => c.json({ id: c.req.param('id') }));

app.get('/search', (c) => c.json({ q: c.req.query('q'), page: Number.parseInt(c.req.query('page'), 10) }));

const order = validator('json', (value, c) => (isOrder(value) ? value : c.text('not an order', 400)));
app.post('/echo', order, (c) => c.json(c.req.valid('json')));

app.get('/file.html', serveStatic({ path: '../file.html' }));

app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    while (!stream.aborted) await stream.writeSSE({ data: String(await nextTick()) });
  }),
);

app.get(
  '/ws',
  upgradeWebSocket(() => ({ onMessage: (event, socket) => socket.send(event.data) })),
);

const { fetch } = app;
await onEveryCore((port) =>
  Bun.serve({ fetch, websocket, hostname: '127.0.0.1', port, reusePort: true, development: false }),
);
