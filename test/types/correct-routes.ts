// Routes and settings that the compiler must accept, and the types that it must infer. The build compiles
// this file, and nothing in it is run.
import {
  type Application,
  type Context,
  defineConfig,
  defineService,
  type PathParams,
  Type,
  type WebSocketOptions,
} from 'multilane';
import { assertType, type Equal } from './equal.js';

const Order = Type.Object({
  id: Type.Integer(),
  note: Type.Optional(Type.String()),
  createdAt: Type.String({ format: 'date-time' }),
  state: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
});

/** Interfaces have no index signature, and are JSON none the less. */
interface OrderRow {
  readonly id: number;
  readonly createdAt: Date;
  readonly state: 'open' | 'closed';
}
declare const row: OrderRow;

assertType<Equal<PathParams<'/'>, Readonly<Record<never, string>>>>();
assertType<Equal<PathParams<'/orders/:id(\\d+)'>, { readonly id: string }>>();
assertType<
  Equal<PathParams<'/:a/b/:c/*'>, { readonly a: string; readonly c: string; readonly '*': string }>
>();
assertType<Equal<PathParams<string>, { readonly [name: string]: string }>>();

/** A function that adds routes may be used anywhere, and knows the parameters of its own paths. */
const items = (app: Application) =>
  app.get('/items/:item', (ctx) => {
    assertType<Equal<typeof ctx.params, PathParams<'/items/:item'>>>();
    return ctx.params.item;
  });

const needsUser = (ctx: Context): void => {
  ctx.state.user = ctx.headers.get('authorization') ?? ctx.params.user;
};

const echo: WebSocketOptions<string> = {
  upgrade: (ctx) => ctx.params.room ?? '',
  message: (ws, data) => void ws.send(ws.data + String(data)),
};

export function paths(app: Application<unknown, ''>): void {
  items(app);
  app.group('/shops/:shop', items);
  app.group('/shops/:shop', { onRequest: needsUser }, (shops) => {
    shops.get('/', (ctx) => ctx.params.shop);
    shops.group('/floors/:floor', (floors) => {
      floors.get('/items/:item', (ctx) => {
        assertType<Equal<keyof typeof ctx.params, 'shop' | 'floor' | 'item'>>();
        return ctx.params;
      });
    });
  });
  for (const prefix of ['/a', '/b']) {
    app.get(`${prefix}/:id`, (ctx) => ctx.params.id);
    app.group(prefix, (group) => group.get('/:id', (ctx) => ctx.params.id));
  }
  app.get('/typed/:id', { params: Type.Object({ id: Type.Integer() }) }, (ctx) => {
    assertType<Equal<typeof ctx.input.params, { id: number }>>();
    assertType<Equal<typeof ctx.params.id, string>>();
    return ctx.input.params.id;
  });
  app.get('/any/:id', { params: Type.Record(Type.String(), Type.String()) }, (ctx) => ctx.input.params);
  app.ws('/rooms/:room', echo);
  app.ws('/chat/:room', {
    upgrade: (ctx) => ({ room: ctx.params.room }),
    open: (ws) => ws.subscribe(ws.data.room + ws.params.room),
  });
}

export function responses(app: Application): void {
  app.get('/', { response: { 200: Order } }, () => row);
  app.get('/', { response: { 200: Order } }, async () => ({ ...row, note: undefined }));
  app.get('/', { response: { 200: Order } }, () => ({ ...row, more: 'is not sent' }));
  app.get('/', { response: { 200: Type.Array(Order) } }, (): readonly OrderRow[] => [row]);
  app.get('/', { response: { 200: Order } }, (ctx) => ctx.status(404).json({ why: 'none' }));
  app.get('/', { response: { 200: Order } }, (ctx) => ctx.file('./public', 'order.json'));
  app.get('/', { response: { 200: Order } }, async () => new Response('{}'));
  app.get('/', { response: { 200: Order } }, () => new Blob([]).stream());
  app.get('/', { response: { 200: Order, 404: Type.Object({ why: Type.String() }) } }, (ctx) => {
    if (ctx.query.has('x')) return row;
    ctx.status(404);
    return { why: 'none' };
  });
  app.delete('/', { response: { 204: Type.Null() } }, () => undefined);
  app.delete('/', { response: { 200: Order, 204: Type.Null() } }, async (ctx) => {
    if (ctx.query.has('x')) return row;
  });
  app.get('/', () => row);
  app.get('/', { summary: 'Anything' }, () => new Uint8Array(3));
}

export const chained = defineService({
  name: 'chained',
  routes: (app) =>
    app
      .hook('onRequest', needsUser)
      .get('/', () => 'home')
      .mount('/blog', (request) => Response.json(request.url))
      .ws('/chat/:room', echo)
      .group('/shops/:shop', items),
});

export const config = defineConfig({
  services: [chained],
  rateLimit: '100/second;burst=200',
  sharding: 'acceptor',
  requestLog: 'on',
  workers: 4,
  gateway: { chained: { rateLimit: 'off', retries: 0 } },
  upstreams: { chained: { picker: 'prequal' } },
  otelServiceName: 'shop',
  chainedDatabaseUrl: 'postgres://localhost',
  adminToken: process.env.ADMIN_TOKEN,
});
