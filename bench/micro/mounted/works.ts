// The work that native routes and mounted applications do alike.
import { Hono } from 'hono';
import type { Context } from '#src/index.js';
import { MESSAGE, USER_ID } from '../../shapes/bodies.js';
import { ORDER_JSON } from '../../shapes/order.js';

export interface Work {
  readonly native: (ctx: Context) => unknown;
  readonly mounted: (request: Request) => Response | Promise<Response>;
  /** The path behind the prefix. @default '' */
  readonly path?: string;
  /** Present: a POST with this JSON body. */
  readonly body?: string;
}

const BYTES = new Uint8Array(100).fill(120);
const hono = new Hono();
hono.get('/', (c) => c.text(MESSAGE));
hono.get('/users/:id', (c) => c.json({ id: c.req.param('id') }));
hono.post('/', async (c) => c.json(await c.req.json()));

export const WORKS: Readonly<Record<string, Work>> = {
  text: { native: () => MESSAGE, mounted: () => new Response(MESSAGE) },
  JSON: { native: () => ({ message: MESSAGE }), mounted: () => Response.json({ message: MESSAGE }) },
  'the URL': {
    native: (ctx) => `http://${ctx.headers.get('host')}${ctx.path}`,
    mounted: ({ url }) => new Response(url),
  },
  'one field': {
    native: (ctx) => ctx.headers.get('accept') ?? '',
    mounted: ({ headers }) => new Response(headers.get('accept')),
  },
  'two fields, status': {
    native: (ctx) => ctx.status(200).header('x-a', 'b').header('cache-control', 'no-store').text(MESSAGE),
    mounted: () =>
      new Response(MESSAGE, { status: 200, headers: { 'x-a': 'b', 'cache-control': 'no-store' } }),
  },
  'a field set': {
    native: (ctx) => ctx.header('x-a', 'b').text(MESSAGE),
    mounted: () => {
      const response = new Response(MESSAGE);
      response.headers.set('x-a', 'b');
      return response;
    },
  },
  bytes: { native: (ctx) => ctx.bytes(BYTES), mounted: () => new Response(BYTES) },
  'text by a promise': { native: async () => MESSAGE, mounted: async () => new Response(MESSAGE) },
  'body as text': {
    body: ORDER_JSON,
    native: (ctx) => ctx.readText(),
    mounted: async (request) => new Response(await request.text()),
  },
  'body as JSON': {
    body: ORDER_JSON,
    native: (ctx) => ctx.readJson(),
    mounted: async (request) => Response.json(await request.json()),
  },
  'Hono, text': { native: () => MESSAGE, mounted: hono.fetch },
  'Hono, parameter': {
    path: `/users/${USER_ID}`,
    native: (ctx) => ({ id: ctx.params.id }),
    mounted: hono.fetch,
  },
  'Hono, body as JSON': { body: ORDER_JSON, native: (ctx) => ctx.readJson(), mounted: hono.fetch },
};
