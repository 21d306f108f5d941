// Deno.serve in as many threads as `deno serve --parallel` would use: workers that listen on one port.
import Ajv from 'ajv';
import { orderSchema } from '../shared/order-schema.js';
import { onTick } from '../shared/ticker.js';

const FILE = new URL('../file.html', import.meta.url);
const isOrder = new Ajv().compile(orderSchema);
const encoder = new TextEncoder();

async function echo(request) {
  const order = await request.json().catch(() => undefined);
  return isOrder(order) ? Response.json(order) : new Response('not an order', { status: 400 });
}

function search(query) {
  const parameters = new URLSearchParams(query);
  return Response.json({ q: parameters.get('q'), page: Number.parseInt(parameters.get('page'), 10) });
}

async function sendFile() {
  return new Response(await Deno.readFile(FILE), { headers: { 'content-type': 'text/html' } });
}

function events() {
  let end;
  const body = new ReadableStream({
    start(controller) {
      end = onTick((number) => controller.enqueue(encoder.encode(`data: ${number}\n\n`)));
    },
    cancel: () => end(),
  });
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
  });
}

function upgrade(request) {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = (event) => socket.send(event.data);
  return response;
}

function route(request) {
  const { pathname, search: query } = new URL(request.url);
  if (pathname === '/plaintext') return new Response('Hello, World!');
  if (pathname === '/json') return Response.json({ message: 'Hello, World!' });
  if (pathname.startsWith('/users/')) return Response.json({ id: decodeURIComponent(pathname.slice(7)) });
  if (pathname === '/search') return search(query);
  if (pathname === '/echo' && request.method === 'POST') return echo(request);
  if (pathname === '/file.html') return sendFile();
  if (pathname === '/events') return events();
  if (pathname === '/ws') return upgrade(request);
  return new Response('not found', { status: 404 });
}

const listen = (port, onListen) =>
  Deno.serve({ hostname: '127.0.0.1', port, reusePort: true, onListen }, route);

/** Starts the other threads on the port of the first and prints the address when all listen. */
function startOthers({ port }) {
  let starting = Number(Deno.args[0] ?? 2) - 1;
  const ready = () => console.error(`ready http://127.0.0.1:${port}`);
  if (starting === 0) ready();
  for (let thread = starting; thread > 0; thread -= 1) {
    const worker = new Worker(import.meta.url, { type: 'module' });
    worker.onmessage = () => {
      starting -= 1;
      if (starting === 0) ready();
    };
    worker.postMessage(port);
  }
}

const isMainThread = typeof WorkerGlobalScope === 'undefined';
if (isMainThread) {
  Deno.addSignalListener('SIGTERM', () => Deno.exit(0));
  listen(0, startOthers);
} else {
  self.onmessage = ({ data: port }) => listen(port, () => self.postMessage('listening'));
}
