// Mistakes in routes, services and settings that the compiler reports. The build compiles this file, so a
// mistake that is not reported any more fails it. types.test.ts looks for the text behind each
// `@ts-expect-error` in the compiler's message. Nothing here is run.
import {
  type Application,
  createRateLimiter,
  defineConfig,
  defineService,
  type ServiceDeps,
  Type,
} from 'multilane';

const Order = Type.Object({ id: Type.Integer(), note: Type.String() });
const ById = Type.Object({ id: Type.Integer() });

export function paths(app: Application<unknown, ''>): void {
  // @ts-expect-error Property 'ide' does not exist on type 'PathParams<"/orders/:id">'
  app.get('/orders/:id', (ctx) => ctx.params.ide);
  // @ts-expect-error Property 'month' does not exist on type 'PathParams<"/reports/:year(\\d+)/:kind">'
  app.get('/reports/:year(\\d+)/:kind', (ctx) => ctx.params.month);
  // @ts-expect-error Property 'path' does not exist on type 'PathParams<"/files/*">'
  app.get('/files/*', (ctx) => ctx.file('./public', ctx.params.path));
  // @ts-expect-error Did you mean 'room'?
  app.ws('/chat/:room', { open: (ws) => ws.subscribe(ws.params.rom) });
  // @ts-expect-error Did you mean 'room'?
  app.ws('/talk/:room', { upgrade: (ctx) => ctx.params.rooms });
  app.group('/shops/:shop', (shops) => {
    // @ts-expect-error Property 'shopp' does not exist on type 'PathParams<"/shops/:shop/items/:item">'
    shops.get('/items/:item', (ctx) => ctx.params.shopp + ctx.params.item);
  });
  // @ts-expect-error the path /orders/:order has no parameter id
  app.get('/orders/:order', { params: ById }, (ctx) => ctx.input.params.id);
}

export function responses(app: Application): void {
  // @ts-expect-error Property 'note' is missing
  app.get('/a', { response: { 200: Order } }, () => ({ id: 7 }));
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  app.get('/b', { response: { 200: Order } }, async () => ({ id: '7', note: '' }));
  // @ts-expect-error Type 'void' is not assignable to type 'DeclaredResponse<
  app.post('/c', { response: { 201: Order } }, async (ctx) => {
    ctx.status(201);
  });
  // @ts-expect-error Property 'note' is missing
  app.get('/d', { response: { 200: Type.Array(Order), 404: ById } }, () => [{ id: 7 }]);
  // @ts-expect-error Type 'string' is not assignable to type
  app.get('/e', { response: { 200: Order } }, () => 'an order');
}

export const late = defineService({
  name: 'late',
  // @ts-expect-error Promise<void>
  async routes(app) {
    await Promise.resolve();
    app.get('/', () => 'never declared');
  },
});

export function limits(app: Application, { shared }: ServiceDeps): void {
  // @ts-expect-error Type '"10 per minute"' is not assignable to type
  app.get('/', { rateLimit: '10 per minute' }, () => '');
  // @ts-expect-error Type '"10/hour"' is not assignable to type
  app.get('/', { rateLimit: { limit: '10/hour', key: 'global' } }, () => '');
  // @ts-expect-error ;burst=${number}
  shared.rateLimiter('sms', { limit: '5/minute,burst=2' });
  // @ts-expect-error Type '"often"' is not assignable to type
  createRateLimiter({ limit: 'often' });
}

export const configs = [
  // @ts-expect-error Did you mean to write 'maxInFlight'?
  defineConfig({ maxInflight: 100 }),
  // @ts-expect-error Type '"100 per second"' is not assignable to type
  defineConfig({ rateLimit: '100 per second' }),
  // @ts-expect-error "reuseport"
  defineConfig({ sharding: 'kernel' }),
  // @ts-expect-error Type '"loud"' is not assignable to type
  defineConfig({ logLevel: 'loud' }),
  // @ts-expect-error Type '"many"' is not assignable to type
  defineConfig({ workers: 'many' }),
  // @ts-expect-error Type '"5/hour"' is not assignable to type
  defineConfig({ gateway: { orders: { rateLimit: '5/hour' } } }),
  // @ts-expect-error 'timeoutMS' does not exist in type
  defineConfig({ gateway: { orders: { timeoutMS: 500 } } }),
  // @ts-expect-error "p2c"
  defineConfig({ upstreams: { orders: { picker: 'random' } } }),
];
