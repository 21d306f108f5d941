import { serve, upgradeWebSocket } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import Ajv from 'ajv';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { validator } from 'hono/validator';
import { WebSocketServer } from 'ws';
import { orderSchema } from '../shared/order-schema.js';
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

serve({
  fetch: app.fetch,
  hostname: '127.0.0.1',
  port: 0,
  websocket: { server: new WebSocketServer({ noServer: true }) },
});
