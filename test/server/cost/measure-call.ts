// What a call of another service costs in things that can be counted: bytes of heap, promises, abort
// controllers. It runs in a process of its own, with `--expose-gc`, and prints the counts as JSON. The
// control of a call within the process is an asynchronous function that makes the same value; that of a call
// by HTTP is bare undici.
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Pool } from 'undici';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { defineService } from '#src/index.js';
import { createTestApp } from '#src/testing.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { endpoint } from '#test/upstream/endpoints.js';

export interface CallCost {
  /** Bytes of heap. */
  readonly heap: number;
  readonly promises: number;
  /** Constructed instances of AbortController. */
  readonly aborts: number;
}

export type CallCosts = Readonly<Record<string, { readonly own: CallCost; readonly control: CallCost }>>;

/** Pieces of work until all code is compiled, and pieces that are counted. */
const [WARM, COUNTED] = [3_000, 60] as const;
/** Calls in one request, so that the request itself counts little. */
const TOGETHER = 10;

async function repeat(times: number, work: () => Promise<void>): Promise<void> {
  for (let n = 0; n < times; n++) {
    await work();
    await turn();
  }
}

/** @param each the number of calls that `work` makes */
async function costOf(work: () => Promise<void>, each: number): Promise<CallCost> {
  await repeat(WARM, work);
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  await repeat(COUNTED, work);
  const heap = (process.memoryUsage().heapUsed - before) / COUNTED / each;
  const aborts = await abortsOf(work);
  let promises = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') promises++;
    },
  }).enable();
  await work();
  hook.disable();
  return { heap: Math.round(heap), promises: promises / each, aborts: aborts / each };
}

/** The number of abort controllers that `work` constructs. */
async function abortsOf(work: () => Promise<void>): Promise<number> {
  const Original = globalThis.AbortController;
  let constructed = 0;
  globalThis.AbortController = class extends Original {
    constructor() {
      super();
      constructed++;
    }
  };
  try {
    await work();
  } finally {
    globalThis.AbortController = Original;
  }
  return constructed;
}

const MESSAGE = { message: 'Hello, World!' };
const callee = defineService({
  name: 'callee',
  routes(app) {
    app.get('/json', () => MESSAGE);
  },
});
const caller = defineService({
  name: 'caller',
  routes(app, { call }) {
    const times = async (work: () => Promise<unknown>): Promise<string> => {
      for (let n = 0; n < TOGETHER; n++) await work();
      return 'done';
    };
    app.get('/control', () => times(async () => JSON.parse(JSON.stringify(MESSAGE))));
    app.get('/own', () => times(async () => (await call('callee').get('/json')).json()));
  },
});

async function withinProcess(): Promise<CallCosts[string]> {
  const app = await createTestApp({ services: [caller, callee] });
  const get = (path: string) => async (): Promise<void> => {
    const { status } = await app.inject(path);
    if (status !== 200) throw new Error(`${path} responded with ${status}`);
  };
  const control = await costOf(get('/control'), TOGETHER);
  const own = await costOf(get('/own'), TOGETHER);
  await app.close();
  return { own, control };
}

async function byHttp(): Promise<CallCosts[string]> {
  const server = createServer((_request, response) => response.end(JSON.stringify(MESSAGE)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pool = new Pool(`http://127.0.0.1:${port}`);
  const transport = new HttpTransport();
  const to = endpoint('i1', { port });
  const control = await costOf(async () => {
    const { body } = await pool.request({ method: 'GET', path: '/' });
    await body.json();
  }, 1);
  const own = await costOf(async () => {
    const abort = new OwnAbort();
    const ends = { deadline: Deadline.after(10_000), abort, signal: undefined as never };
    const request = { method: 'GET', path: '/', headers: {}, body: undefined, ...ends };
    (await transport.send(to, request)).json();
  }, 1);
  await Promise.all([transport.close(), pool.close()]);
  server.close();
  return { own, control };
}

console.log(JSON.stringify({ call: await withinProcess(), hop: await byHttp() }));
process.exit(0);
