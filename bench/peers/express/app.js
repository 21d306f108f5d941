import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import express from 'express';
import { orderSchema } from '../shared/order-schema.js';
import { onTick } from '../shared/ticker.js';

const FILE = fileURLToPath(new URL('../file.html', import.meta.url));
const isOrder = new Ajv().compile(orderSchema);

const app = express();
app.disable('x-powered-by');
app.disable('etag');

app.get('/plaintext', (_req, res) => res.type('text/plain').send('Hello, World!'));

app.get('/json', (_req, res) => res.json({ message: 'Hello, World!' }));

app.get('/users/:id', (req, res) => res.json({ id: req.params.id }));

app.get('/search', (req, res) => {
  const { q, page } = req.query;
  res.json({ q, page: Number.parseInt(page, 10) });
});

app.post('/echo', express.json(), (req, res) => {
  if (isOrder(req.body)) res.json(req.body);
  else res.sendStatus(400);
});

app.get('/file.html', (_req, res) => res.sendFile(FILE));

app.get('/events', (_req, res) => {
  res.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }).flushHeaders();
  res.on(
    'close',
    onTick((number) => res.write(`data: ${number}\n\n`)),
  );
});

// Without this, Express prints every refused body.
app.use((error, _req, res, _next) => res.sendStatus(error.status ?? 500));

app.listen(0, '127.0.0.1');
