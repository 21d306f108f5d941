import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { orderSchema } from '../shared/order-schema.js';
import { onEveryCore } from '../shared/reuse-port.js';
import { onTick } from '../shared/ticker.js';

const FILE = fileURLToPath(new URL('../file.html', import.meta.url));
const isOrder = new Ajv().compile(orderSchema);

function search(request) {
  const parameters = new URL(request.url).searchParams;
  return Response.json({ q: parameters.get('q'), page: Number.parseInt(parameters.get('page'), 10) });
}

async function echo(request) {
  const order = await request.json().catch(() => undefined);
  return isOrder(order) ? Response.json(order) : new Response('not an order', { status: 400 });
}

function events() {
  let end;
  const stream = new ReadableStream({
    start(controller) {
      end = onTick((number) => controller.enqueue(`data: ${number}\n\n`));
    },
    cancel: () => end(),
  });
  return new Response(stream, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
  });
}

const routes = {
  '/plaintext': new Response('Hello, World!'),
  '/json': () => Response.json({ message: 'Hello, World!' }),
  '/users/:id': (request) => Response.json({ id: request.params.id }),
  '/search': search,
  '/echo': { POST: echo },
  '/file.html': new Response(Bun.file(FILE)),
  '/events': events,
  '/ws': (request, server) =>
    server.upgrade(request) ? undefined : new Response('no upgrade', { status: 400 }),
};

const websocket = { message: (socket, message) => void socket.send(message) };

await onEveryCore((port) =>
  Bun.serve({ routes, websocket, hostname: '127.0.0.1', port, reusePort: true, development: false }),
);
