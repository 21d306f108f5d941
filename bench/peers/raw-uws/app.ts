// The routes of the baseline with nothing around them. They show the cost of the HTTP core alone.
import uWS, { type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import { readFileSync } from 'node:fs';
import { type Dispatcher, request } from 'undici';
import { MESSAGE } from '../../shapes/bodies.js';
import { isOrder } from './order.js';
import { Ticker } from './ticker.js';

/**
 * The methods of the acceptor, which are missing in the published types. A descriptor is a pointer to a
 * worker's app.
 */
export interface ClusterApp extends TemplatedApp {
  getDescriptor(): unknown;
  addChildAppDescriptor(descriptor: unknown): ClusterApp;
  removeChildAppDescriptor(descriptor: unknown): ClusterApp;
}

export const newApp = (): ClusterApp => uWS.App() as ClusterApp;

const JSON_TYPE = 'application/json; charset=utf-8';

function sendJson(res: HttpResponse, value: unknown): void {
  res.writeHeader('content-type', JSON_TYPE);
  res.end(JSON.stringify(value));
}

/** Sends the same bytes as the servers that are compared with it. */
export function addRoutes(app: ClusterApp): ClusterApp {
  app.get('/health', (res) => sendJson(res, { status: 'healthy', timestamp: new Date().toISOString() }));
  app.get('/plaintext', (res) => {
    res.writeHeader('content-type', 'text/plain; charset=utf-8');
    res.end(MESSAGE);
  });
  app.get('/json', (res) => sendJson(res, { message: MESSAGE }));
  app.get('/users/:id', (res, req) => sendJson(res, { id: req.getParameter(0) }));
  app.get('/search', (res, req) => {
    sendJson(res, { q: req.getQuery('q'), page: Number.parseInt(req.getQuery('page') ?? '', 10) });
  });
  app.post('/echo', (res) => readBody(res, (text) => sendEcho(res, text)));
  addFile(app);
  addEvents(app);
  app.ws('/ws', { message: (ws, data, isBinary) => void ws.send(data, isBinary) });
  // The control of a call in the process is a call of a function.
  app.get('/call', (res) => sendJson(res, otherService()));
  addHop(app);
  addGateway(app);
  return app;
}

const otherService = (): unknown => JSON.parse(JSON.stringify({ message: MESSAGE }));

/** Reads a body of one piece without a copy; the text is made before the core reuses the memory. */
function readBody(res: HttpResponse, then: (text: string) => void): void {
  let before: Buffer | undefined;
  res.onAborted(() => undefined);
  res.onData((piece, isLast) => {
    const bytes = Buffer.from(piece);
    if (isLast) then((before === undefined ? bytes : Buffer.concat([before, bytes])).toString());
    else before = Buffer.concat(before === undefined ? [bytes] : [before, bytes]);
  });
}

function sendEcho(res: HttpResponse, text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isOrder(value)) sendJson(res, value);
  else res.writeStatus('422 Unprocessable Content').end();
}

function addFile(app: ClusterApp): void {
  const bytes = readFileSync(new URL('../file.html', import.meta.url));
  app.get('/file.html', (res) => {
    res.writeHeader('content-type', 'text/html; charset=utf-8');
    res.end(bytes);
  });
}

function addEvents(app: ClusterApp): void {
  const clients = new Set<HttpResponse>();
  const ticker = new Ticker((event) => {
    for (const client of clients) client.write(event);
  });
  app.get('/events', (res) => {
    res.onAborted(() => {
      clients.delete(res);
      if (clients.size === 0) ticker.stop();
    });
    res.writeHeader('content-type', 'text/event-stream');
    res.write(': hello\n\n');
    clients.add(res);
    ticker.start();
  });
}

/** The control of a call over HTTP: undici without anything around it. */
function addHop(app: ClusterApp): void {
  const upstream = `${process.env.UPSTREAM ?? ''}/json`;
  app.get('/hop', (res) => {
    let isOpen = true;
    res.onAborted(() => {
      isOpen = false;
    });
    void fetchJson(upstream).then(
      (value) => isOpen && res.cork(() => sendJson(res, value)),
      () => isOpen && res.cork(() => res.writeStatus('502 Bad Gateway').end()),
    );
  });
}

/** The control of the gateway: the method, the fields and the body are passed on as they are, and nothing else. */
function addGateway(app: ClusterApp): void {
  const upstream = process.env.UPSTREAM ?? '';
  app.any('/svc/upstream/*', (res, req) => {
    const url = upstream + req.getUrl().slice('/svc/upstream'.length);
    const method = req.getMethod().toUpperCase() as Dispatcher.HttpMethod;
    const headers: string[] = [];
    req.forEach((name, value) => {
      if (!NOT_PASSED_ON.has(name)) headers.push(name, value);
    });
    if (method === 'GET') void passOn(res, url, { method, headers });
    else readBody(res, (body) => void passOn(res, url, { method, headers, body }));
  });
}

/** The client makes these anew. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set(['host', 'connection', 'content-length']);

async function passOn(
  res: HttpResponse,
  url: string,
  options: Pick<Dispatcher.DispatchOptions, 'method' | 'headers' | 'body'>,
): Promise<void> {
  let isOpen = true;
  res.onAborted(() => {
    isOpen = false;
  });
  const { statusCode, headers, body } = await request(url, options);
  const text = await body.text();
  if (!isOpen) return;
  res.cork(() => {
    res.writeStatus(`${statusCode}`);
    res.writeHeader('content-type', String(headers['content-type']));
    res.end(text);
  });
}

async function fetchJson(url: string): Promise<unknown> {
  const { body } = await request(url);
  return body.json();
}
