// An admin plane for tests of the dashboard: it serves dist/dashboard as the real one does, sends made data,
// and carries out the commands of the operator on that data.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { PlaneJson } from '#src/admin/plane-json.js';
import type { BreakerState } from '#src/resilience/breaker-contract.js';
import { ROOT } from '#test/support/cluster.js';
import { type PlaneData, shop } from './plane-data.js';
import { breaker, counts, EDGES_MS, type SagaRow, step } from './plane-rows.js';

const CSP = "default-src 'self'; frame-ancestors 'none'";
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/dashboard.js': 'dashboard.js',
  '/dashboard.css': 'dashboard.css',
  '/dashboard.svg': 'dashboard.svg',
};
/** The pause between two events of a topic. */
const TICK_MS = 150;

export interface FakePlaneOptions {
  readonly token?: string;
}

/** A failure that the plane responds with, by the beginning of a path. */
interface Fault {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly body: Record<string, unknown>;
}

const WINDOW_S = 10;

export class FakePlane {
  readonly data: PlaneData = shop();
  readonly faults = new Map<string, Fault>();
  /** Topics without events, as when the process cannot compute them. */
  readonly silent = new Set<string>();
  /** Beginnings of paths that get no response until `release`, as when something in the process hangs. */
  readonly stuck = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  /** The commands that arrived, as `PUT /path {body}`. */
  readonly commands: string[] = [];
  /** Paths of the requests that arrived. */
  readonly paths: string[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #sockets = new Set<Socket>();
  #token: string | undefined;
  #port = 0;

  constructor({ token }: FakePlaneOptions = {}) {
    this.#token = token;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Serves without a token from now on. */
  allow(): void {
    this.#token = undefined;
  }

  /** Responds again on all paths, also to the requests that wait. */
  release(): void {
    this.stuck.clear();
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Asks for a token from now on, and interrupts the streams that were begun with another. */
  require(token: string): void {
    this.#token = token;
    for (const socket of this.#sockets) socket.destroy();
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Interrupts all connections and accepts no others, as when the process is killed. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.cut();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const file = request.method === 'GET' ? FILES[url.pathname] : undefined;
    response.setHeader('content-security-policy', CSP);
    response.setHeader('x-content-type-options', 'nosniff');
    if (file !== undefined) {
      response.setHeader('content-type', TYPES[file.split('.').at(-1)!]!);
      response.end(readFileSync(join(ROOT, 'dist/dashboard', file)));
      return;
    }
    this.paths.push(`${url.pathname}${url.search}`);
    const fault = this.#faultOf(request, url.pathname);
    if (fault !== undefined) return problem(response, fault);
    if ([...this.stuck].some((begin) => url.pathname.startsWith(begin))) {
      await new Promise<void>((go) => this.#waiting.push(go));
    }
    let text = '';
    for await (const piece of request) text += String(piece);
    if (request.method !== 'GET') this.commands.push(`${request.method} ${url.pathname} ${text}`.trim());
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    if (url.pathname === '/events') return this.#events(url, response);
    const json = this.#result({ request, url, body });
    if (json === undefined) return problem(response, NOT_FOUND);
    if (json === NO_CONTENT) {
      response.writeHead(204).end();
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(json));
  }

  #faultOf(request: IncomingMessage, path: string): Fault | undefined {
    if (this.#token !== undefined && request.headers.authorization !== `Bearer ${this.#token}`) {
      return { status: 401, code: 'UNAUTHORIZED', detail: 'The admin token is missing or wrong.' };
    }
    return [...this.faults].find(([begin]) => path.startsWith(begin))?.[1];
  }

  #events(url: URL, response: ServerResponse): void {
    const topics = (url.searchParams.get('topics') ?? '').split(',');
    response.setHeader('content-type', 'text/event-stream');
    const tick = (): void => {
      for (const topic of topics.filter((one) => !this.silent.has(one))) {
        response.write(`event: ${topic}\ndata: ${JSON.stringify(this.#topic(topic))}\n\n`);
      }
    };
    tick();
    const timer = setInterval(tick, TICK_MS);
    response.once('close', () => clearInterval(timer));
  }

  #topic(topic: string): unknown {
    const { data } = this;
    switch (topic) {
      case 'overview':
        return { ...data.overview, at: new Date().toISOString() };
      case 'routes':
        return this.#routes('');
      case 'workers':
        return data.workers;
      case 'services':
        return { windowS: WINDOW_S, ...page(data.services) } satisfies PlaneJson['/services'];
      case 'calls':
        return data.calls;
      case 'limits':
        return data.limits;
      default:
        return data.cpu;
    }
  }

  #result(call: Call): unknown {
    const { request, url } = call;
    const path = decodeURIComponent(url.pathname);
    return request.method === 'GET' ? this.#read(path, url.searchParams) : this.#command(path, call.body);
  }

  #read(path: string, query: URLSearchParams): unknown {
    const { data } = this;
    const search = (query.get('search') ?? '').toLowerCase();
    if (path.startsWith('/registry/v1/services/')) {
      const { instances } = data;
      return { revision: '1', instances } satisfies PlaneJson['/registry/v1/services/:service'];
    }
    if (path.startsWith('/sagas/')) return this.#saga(path.slice('/sagas/'.length));
    if (path.startsWith('/traces/')) {
      const traceId = path.slice('/traces/'.length);
      return {
        traceId,
        spansLeftOut: 0,
        isIncomplete: data.traces.some((one) => one.traceId === traceId && one.isIncomplete),
        spans: data.spans,
      } satisfies PlaneJson['/traces/:traceId'];
    }
    if (/^\/workers\/[^/]+\/profile$/.test(path)) return data.profile;
    switch (path) {
      case '/routes':
        return this.#routes(search);
      case '/routes/histogram':
        return histogram(query);
      case '/breakers':
        return page(data.breakers) satisfies PlaneJson['/breakers'];
      case '/switches':
        return data.switches satisfies PlaneJson['/switches'];
      case '/sagas':
        return sagaPage(data.sagas, query);
      case '/flights':
        return {
          worker: Number(query.get('worker')),
          items: data.flights,
        } satisfies PlaneJson['/flights'];
      case '/traces': {
        const wanted = query.get('status');
        const items = data.traces.filter(
          (one) =>
            (wanted === null || one.status === wanted) && JSON.stringify(one).toLowerCase().includes(search),
        );
        return { ...page(items), isRecording: true, sampled: 0.01 } satisfies PlaneJson['/traces'];
      }
      case '/settings':
        return { items: data.settings } satisfies PlaneJson['/settings'];
      default:
        return Object.hasOwn(TOPICS, path) ? this.#topic(path.slice(1)) : undefined;
    }
  }

  #routes(search: string): PlaneJson['/routes'] {
    const found = this.data.routes.filter(({ method, route }) =>
      `${method} ${route}`.toLowerCase().includes(search),
    );
    return { windowS: WINDOW_S, ...page(found.slice(0, 200)) };
  }

  #saga(id: string): PlaneJson['/sagas/:id'] | undefined {
    const found = this.data.sagas.find(({ sagaId }) => sagaId === id);
    if (found === undefined) return undefined;
    const steps = found.steps ?? ['createUser', 'createOrder', 'capturePayment'].map((name) => step(name));
    const failed = steps.find((one) => one.error !== null);
    const error = failed?.error == null ? null : { ...failed.error, failedStep: failed.name };
    const { idempotencyKey: _key, input: _input, ...summary } = found;
    return { ...summary, steps, results: { createUser: { userId: 7 } }, error };
  }

  #command(path: string, body: Record<string, unknown>): unknown {
    const { data } = this;
    const [, sagaId, action] = /^\/sagas\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (sagaId !== undefined) {
      const found = data.sagas.find((one) => one.sagaId === sagaId)!;
      Object.assign(found, { status: action === 'compensate' ? 'compensating' : 'running', reason: null });
      return this.#saga(sagaId);
    }
    const [, service, id] = /^\/breakers\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (service !== undefined) {
      const found = data.breakers.find((one) => one.service === service && one.instance === id)!;
      const state = FORCED[String(body.force)]!;
      return Object.assign(found, breaker({ service, instance: found.instance, state }));
    }
    const [, instance] = /\/instances\/([^/]+)\/drain$/.exec(path) ?? [];
    if (instance !== undefined) {
      Object.assign(data.instances.find((one) => one.id === instance)!, { state: 'draining' });
      return NO_CONTENT;
    }
    if (path === '/switches/routes') {
      const found = data.switches.routes.find((one) => one.route === body.route)!;
      Object.assign(data.routes.find((one) => one.route === body.route) ?? {}, { off: body.state === 'off' });
      const change = { state: body.state, reason: body.reason, since: new Date().toISOString() };
      return { routes: [Object.assign(found, change)] };
    }
    const name = VALUES.get(path);
    if (name !== undefined) {
      const change = { reason: null, since: new Date().toISOString(), ...body };
      return Object.assign(data.switches[name], change);
    }
    return path === '/workers/reload' ? { workers: data.workers.length } : undefined;
  }
}

const NOT_FOUND: Fault = { status: 404, code: 'NOT_FOUND', detail: 'There is nothing of this name.' };

function problem(response: ServerResponse, { status, code, detail }: Fault): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ title: code, status, code, detail, traceId: 'c'.repeat(32) }));
}

/** The result of a command that has none. */
const NO_CONTENT = Symbol('no content');

/** The states that commands of an operator lead to. */
const FORCED: Readonly<Record<string, BreakerState>> = {
  open: { state: 'forced-open' },
  closed: { state: 'forced-closed' },
  auto: { state: 'closed', calls: 0, failures: 0 },
};

/** The values that commands change. */
const VALUES = new Map([
  ['/switches/log-level', 'logLevel'],
  ['/switches/request-log', 'requestLog'],
  ['/switches/sampling', 'sampling'],
] as const) as ReadonlyMap<string, 'logLevel' | 'requestLog' | 'sampling'>;

/** Paths that have a topic of the same value. */
const TOPICS = { '/overview': 1, '/workers': 1, '/services': 1, '/calls': 1, '/limits': 1, '/cpu': 1 };

const page = <Item>(items: readonly Item[]) => ({ items, nextCursor: null });

function histogram(query: URLSearchParams): PlaneJson['/routes/histogram'] {
  return {
    method: query.get('method') ?? 'GET',
    route: query.get('route') ?? '',
    windowS: WINDOW_S,
    edgesMs: EDGES_MS,
    window: [...counts(1)],
    total: [...counts(40)],
    statuses: { '200': 54_800, '404': 220, '503': 31 },
  };
}

function sagaPage(sagas: readonly SagaRow[], query: URLSearchParams): PlaneJson['/sagas'] {
  const [status, name] = [query.get('status'), query.get('saga')];
  const found = sagas.filter(
    (one) => (status === null || one.status === status) && (name === null || one.saga === name),
  );
  const from = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? 100);
  const end = from + limit;
  const items = found.slice(from, end).map(({ steps: _steps, ...summary }) => summary);
  return { items, nextCursor: end < found.length ? String(end) : null };
}
