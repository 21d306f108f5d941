// Mistakes in calls by definition that the compiler reports, as in mistakes-of-routes.ts.
import { type Call, defineService, type ServiceDefinition, Type } from 'multilane';

const Order = Type.Object({ id: Type.Integer() });
const NewOrder = Type.Object({ quantity: Type.Integer() });

const orders = defineService({
  name: 'orders',
  routes: (app) =>
    app
      .get('/orders', { query: Type.Object({ limit: Type.Optional(Type.Integer()) }) }, () => [])
      .post('/orders', { body: NewOrder, response: { 201: Order } }, () => ({ id: 1 }))
      .get('/orders/:id', { params: Order, response: { 200: Order } }, (ctx) => ctx.input.params)
      .get('/search', { query: Type.Object({ q: Type.String() }) }, () => 'found')
      .get('/mine', { headers: Type.Object({ 'x-user': Type.String() }) }, () => 'mine'),
});

export async function use(call: Call): Promise<unknown> {
  // @ts-expect-error '"/order"' is not assignable to parameter of type '"/mine" | "/orders" | "/orders/:id" | "/search"'
  await call(orders).get('/order');
  // @ts-expect-error '"/orders/:id"' is not assignable to parameter of type '"/orders"'
  await call(orders).post('/orders/:id', { json: {} });
  // @ts-expect-error Expected 2 arguments
  await call(orders).get('/orders/:id');
  // @ts-expect-error 'ID' does not exist in type
  await call(orders).get('/orders/:id', { params: { ID: 7 } });
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  await call(orders).get('/orders/:id', { params: { id: 'seven' } });
  // @ts-expect-error 'limits' does not exist in type
  await call(orders).get('/orders', { query: { limits: 5 } });
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  await call(orders).get('/orders', { query: { limit: 'five' } });
  // @ts-expect-error Property 'query' is missing
  await call(orders).get('/search', {});
  // @ts-expect-error 'quantty' does not exist in type
  await call(orders).post('/orders', { json: { quantty: 1 } });
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  await call(orders).post('/orders', { json: { quantity: 'one' } });
  // @ts-expect-error Expected 2 arguments
  await call(orders).post('/orders');
  // @ts-expect-error Property 'json' is missing
  await call(orders).post('/orders', { idempotencyKey: 'k' });
  // @ts-expect-error Expected 2 arguments
  await call(orders).get('/mine');
  // @ts-expect-error Property ''x-user'' is missing
  await call(orders).get('/mine', { headers: { accept: 'text/plain' } });
  // @ts-expect-error Type 'number' is not assignable to type 'string'
  await call(orders).get('/mine', { headers: { 'x-user': 5 } });
  // @ts-expect-error 'timeoutMS' does not exist in type
  await call(orders).get('/orders', { timeoutMS: 5 });
  const response = await call(orders).get('/orders/:id', { params: { id: 7 } });
  // @ts-expect-error is of type 'unknown'
  if (response.status === 404) return response.json().id;
  // @ts-expect-error is of type 'unknown'
  if (response.status === 418) return response.json().id;
  // @ts-expect-error have no overlap
  if (response.status === 600) return undefined;
  // @ts-expect-error Property 'name' does not exist on type '{ id: number; }'
  return response.status === 200 ? response.json().name : undefined;
}

/** A promise about the routes that the implementation does not keep. */
interface Promised {
  'GET /orders/:id': { readonly response: { readonly 200: typeof NewOrder } };
}
// @ts-expect-error The types of '['GET /orders/:id'].response.200
export const promised: ServiceDefinition<Promised> = orders;
