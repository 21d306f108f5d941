import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import HyperExpress from 'hyper-express';
import { orderSchema } from '../shared/order-schema.js';
import { onEveryCore } from '../shared/reuse-port.js';
import { onTick } from '../shared/ticker.js';

const FILE = fileURLToPath(new URL('../file.html', import.meta.url));
const isOrder = new Ajv().compile(orderSchema);

const app = new HyperExpress.Server({ fast_buffers: true });

app.get('/plaintext', (_request, response) => {
  response.header('content-type', 'text/plain').send('Hello, World!');
});

app.get('/json', (_request, response) => response.json({ message: 'Hello, World!' }));

app.get('/users/:id', (request, response) => response.json({ id: request.path_parameters.id }));

app.get('/search', (request, response) => {
  const { q, page } = request.query_parameters;
  response.json({ q, page: Number.parseInt(page, 10) });
});

app.post('/echo', async (request, response) => {
  const order = await request.json();
  if (isOrder(order)) response.json(order);
  else response.status(400).send();
});

app.get('/file.html', (_request, response) => response.file(FILE));

app.get('/events', (_request, response) => {
  response.sse.open();
  response.once(
    'close',
    onTick((number) => response.sse.send(String(number))),
  );
});

app.ws('/ws', { message_type: 'ArrayBuffer' }, (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, isBinary));
});

app.set_error_handler((_request, response, error) => {
  response.status(error instanceof SyntaxError ? 400 : 500).send();
});

await onEveryCore((port) => app.listen(port, '127.0.0.1'));
