// What a request costs in things that can be counted: calls into the core, bytes of heap, promises. It runs
// in a process of its own, with `--expose-gc`, and prints the counts of every shape as JSON. The control is a
// handler that does the same work on the core and nothing else.
import { createHook } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { defineService, Type } from '#src/index.js';
import { App } from '#src/server/app.js';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { createTestApp } from '#src/testing.js';
import { type Calls, type Handler, replaceCore, type SentRequest, send } from './counting-core.js';

export interface Cost {
  readonly calls: Calls;
  /** Bytes of heap. */
  readonly heap: number;
  readonly promises: number;
}

/** Requests until all code is compiled, and requests that are counted. */
const [WARM, COUNTED] = [60_000, 1_500] as const;
/** Requests in one turn of the event loop. */
const TOGETHER = 50;

const BODY = new TextEncoder().encode(JSON.stringify({ name: 'pen', price: 3 }));
const BARE = ['host', '127.0.0.1:8080'];
const SHAPES: Readonly<Record<string, SentRequest>> = {
  json: { method: 'GET', path: '/json', fields: BARE },
  mounted: { method: 'GET', path: '/mounted/json', fields: BARE },
  param: { method: 'GET', path: '/users/42', fields: BARE },
  echo: {
    method: 'POST',
    path: '/echo',
    fields: [...BARE, 'content-type', 'application/json', 'content-length', String(BODY.length)],
    body: BODY,
  },
};

const echo = Type.Object({ name: Type.String(), price: Type.Integer() });
const service = defineService({
  name: 'cost',
  routes(app) {
    app.get('/json', () => ({ message: 'Hello, World!' }));
    app.mount('/mounted', () => Response.json({ message: 'Hello, World!' }));
    app.get('/users/:id', (ctx) => ({ id: ctx.params.id }));
    app.post('/echo', { body: echo }, (ctx) => ctx.body);
  },
});

async function serve(handler: Handler, request: SentRequest, times: number, calls: Calls): Promise<void> {
  for (let n = 0; n < times; n++) {
    send(handler, request, calls);
    if (n % TOGETHER === 0) await turn();
  }
  await turn();
}

async function costOf(handler: Handler, request: SentRequest): Promise<Cost> {
  await serve(handler, request, WARM, {});
  const calls: Calls = {};
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  await serve(handler, request, COUNTED, calls);
  const heap = (process.memoryUsage().heapUsed - before) / COUNTED;
  let promises = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') promises++;
    },
  }).enable();
  for (let n = 0; n < TOGETHER; n++) send(handler, request, {});
  hook.disable();
  await turn();
  const each = Object.fromEntries(
    Object.entries(calls).map(([name, count]) => [name, Math.round((count / COUNTED) * 100) / 100]),
  );
  return { calls: each, heap: Math.round(heap), promises: promises / TOGETHER };
}

interface Raw {
  writeHeader(name: string, value: string): void;
  end(body: string): void;
  onData(reader: (chunk: ArrayBuffer) => void): void;
}
const reply = (response: Raw, value: unknown): void => {
  response.writeHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
};
const control: Readonly<Record<string, Handler>> = {
  json: (response) => reply(response as Raw, { message: 'Hello, World!' }),
  mounted: (response) => reply(response as Raw, { message: 'Hello, World!' }),
  param: (response) => reply(response as Raw, { id: '42' }),
  echo: (response) =>
    (response as Raw).onData((chunk) => reply(response as Raw, JSON.parse(Buffer.from(chunk).toString()))),
};

const registered = replaceCore();
const served: App[] = [];
const mount = Reflect.get(App.prototype, 'mount') as (this: App, ...args: unknown[]) => void;
Reflect.set(App.prototype, 'mount', function (this: App, ...args: unknown[]) {
  served.push(this);
  mount.apply(this, args);
});
const app = await createTestApp({ services: [service] });
const server = new UwsServer(served[0]!, {
  settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 5000 },
});
const costs: Record<string, { own: Cost; control: Cost }> = {};
for (const [name, request] of Object.entries(SHAPES)) {
  costs[name] = {
    control: await costOf(control[name]!, request),
    own: await costOf(registered(request), request),
  };
}
console.log(JSON.stringify(costs));
server.close();
await app.close();
process.exit(0);
