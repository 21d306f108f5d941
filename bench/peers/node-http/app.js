// node:http has no router, no validator and no static files: these are the usual few lines for them.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import Ajv from 'ajv';
import { WebSocketServer } from 'ws';
import { orderSchema } from '../shared/order-schema.js';
import { onTick } from '../shared/ticker.js';

const FILE = new URL('../file.html', import.meta.url);
const isOrder = new Ajv().compile(orderSchema);

function send(res, status, type, body) {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

function sendJson(res, value) {
  send(res, 200, 'application/json', JSON.stringify(value));
}

function parseOrder(json) {
  try {
    const order = JSON.parse(json);
    return isOrder(order) ? order : undefined;
  } catch {
    return undefined;
  }
}

function echo(req, res) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const order = parseOrder(Buffer.concat(chunks).toString());
    if (order === undefined) send(res, 400, 'text/plain', 'not an order');
    else sendJson(res, order);
  });
}

function search(res, query) {
  const parameters = new URLSearchParams(query);
  sendJson(res, { q: parameters.get('q'), page: Number.parseInt(parameters.get('page'), 10) });
}

function events(res) {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }).flushHeaders();
  res.on(
    'close',
    onTick((number) => res.write(`data: ${number}\n\n`)),
  );
}

async function sendFile(res) {
  send(res, 200, 'text/html', await readFile(FILE));
}

const server = createServer((req, res) => {
  const at = req.url.indexOf('?');
  const path = at === -1 ? req.url : req.url.slice(0, at);
  if (path === '/plaintext') send(res, 200, 'text/plain', 'Hello, World!');
  else if (path === '/json') sendJson(res, { message: 'Hello, World!' });
  else if (path.startsWith('/users/'))
    sendJson(res, { id: decodeURIComponent(path.slice('/users/'.length)) });
  else if (path === '/search') search(res, req.url.slice(at + 1));
  else if (path === '/echo' && req.method === 'POST') echo(req, res);
  else if (path === '/file.html') void sendFile(res);
  else if (path === '/events') events(res);
  else send(res, 404, 'text/plain', 'not found');
});

new WebSocketServer({ server, path: '/ws' }).on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});

server.listen(0, '127.0.0.1');
