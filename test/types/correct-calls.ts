// Calls by definition that the compiler must accept, and the types that it must infer. The build compiles
// this file, and nothing in it is run.
import { type Call, defineService, type ServiceClient, type ServiceDefinition, Type } from 'multilane';
import { assertType, type Equal } from './equal.js';

const Order = Type.Object({ id: Type.Integer(), note: Type.Optional(Type.String()) });
const NewOrder = Type.Object({ quantity: Type.Integer(), at: Type.Optional(Type.String()) });
const Problem = Type.Object({ why: Type.String() });
const ById = Type.Object({ id: Type.Integer() });
const Page = Type.Object({ limit: Type.Optional(Type.Integer()), cursor: Type.Optional(Type.String()) });
const Search = Type.Object({ q: Type.String() });

export const orders = defineService({
  name: 'orders',
  routes: (app) =>
    app
      .get('/orders', { query: Page, response: { 200: Type.Array(Order) } }, () => [])
      .post('/orders', { body: NewOrder, response: { 201: Order, 409: Problem } }, () => ({ id: 1 }))
      .get('/orders/:id', { params: ById, response: { 200: Order } }, (ctx) => ({ id: ctx.input.params.id }))
      .get('/search', { query: Search, headers: Type.Object({ 'x-user': Type.String() }) }, () => 'found')
      .delete('/orders/:id', (ctx) => ctx.params.id)
      .get('/files/*', (ctx) => ctx.file('./public', ctx.params['*']))
      .group('/shops/:shop', (shops) =>
        shops.get('/', () => 'shop').group('/items', (items) => items.put('/:item', () => 'item')),
      ),
});

/** Its routes are unknown, so its client is that of a name. */
export const untyped = defineService({
  name: 'untyped',
  routes(app) {
    app.get('/', () => '');
  },
});

export async function use(call: Call): Promise<unknown> {
  const client = call(orders, { prefer: 'network' });
  const list = await client.get('/orders');
  if (list.status === 200) assertType<Equal<ReturnType<typeof list.json>, { id: number; note?: string }[]>>();
  else assertType<Equal<ReturnType<typeof list.json>, unknown>>();
  await client.get('/orders', { query: { limit: 5, cursor: undefined }, timeoutMs: 50, retries: 0 });

  const made = await client.post('/orders', { json: { quantity: 1 }, idempotencyKey: 'k' });
  switch (made.status) {
    case 201:
      return made.json().id.toFixed();
    case 409:
      return made.json().why.toUpperCase();
    case 404:
      assertType<Equal<ReturnType<typeof made.json>, unknown>>();
      break;
    // A handler may send any status, also one without a name.
    case 299:
    case 418:
    case 599:
      return made.json();
    default:
      assertType<Equal<ReturnType<typeof made.json>, unknown>>();
      if (made.status === 430) return made.text();
  }
  const one = await client.get('/orders/:id', { params: { id: 7 } });
  if (one.status !== 200) throw new Error(`orders responded ${one.status}`);
  const { id } = one.json();
  assertType<Equal<typeof id, number>>();

  await client.get('/search', { query: { q: 'x' }, headers: { 'x-user': 'u', accept: undefined } });
  await client.delete('/orders/:id', { params: { id: '7' } });
  await client.get('/files/*', { params: { '*': 'a/b.txt' } });
  await client.get('/shops/:shop', { params: { shop: 'a' } });
  await client.put('/shops/:shop/items/:item', { params: { shop: 'a', item: 2n }, json: { any: 'thing' } });
  const streamed = await client.get('/files/*', { params: { '*': 'a' }, stream: true });
  assertType<Equal<typeof streamed.body, ReadableStream<Uint8Array>>>();
  await client.request('GET', '/anything');
  await client.grpc('GetUserOrders', {});

  assertType<Equal<ReturnType<typeof byDefinition>, ServiceClient>>();
  await call('orders').get('/orders/:id', { params: { id: 7 } });
  return (await call(untyped).get('/whatever')).json<{ a: number }>().a;
  function byDefinition() {
    return call(untyped);
  }
}

/**
 * Two services that call each other: one of them has an explicit type, so that neither is inferred from
 * itself.
 */
interface PingRoutes {
  'GET /ping/:n': { readonly params: typeof N; readonly response: { readonly 200: typeof N } };
}
const N = Type.Object({ n: Type.Integer() });
export const ping: ServiceDefinition<PingRoutes> = defineService({
  name: 'ping',
  routes: (app, { call }) =>
    app.get('/ping/:n', { params: N, response: { 200: N } }, async (ctx) => {
      const response = await call(pong).get('/pong/:n', { params: ctx.input.params });
      return response.status === 200 ? response.json() : ctx.input.params;
    }),
});
export const pong = defineService({
  name: 'pong',
  routes: (app, { call }) =>
    app.get('/pong/:n', { params: N, response: { 200: N } }, async (ctx) => {
      const response = await call(ping).get('/ping/:n', { params: ctx.input.params });
      return response.status === 200 ? response.json() : ctx.input.params;
    }),
});
