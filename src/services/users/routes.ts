import {
  type Application,
  type Database,
  idempotent,
  NotFoundError,
  type ServiceDeps,
  Type,
} from 'multilane';
import { ordersClient, transportOf } from './orders-client.js';
import { emailTaken } from './rules.js';
import { Id, Key, NewUser, User, UserWithOrders } from './schema.js';
import { deleteUser, findUser, insertUser } from './store.js';

/** The route to which the idempotency keys of new users belong. */
const CREATE = 'POST /api/users';

export function routes(app: Application, { db, call, log }: ServiceDeps): void {
  const ordersOf = ordersClient(call, transportOf(process.env.ORDERS_TRANSPORT));

  app.post(
    '/api/users',
    {
      body: NewUser,
      response: { 201: User },
      responseHeaders: { 201: Type.Object({ location: Type.String({ examples: ['/api/users/1'] }) }) },
      errors: { 409: 'EMAIL_TAKEN' },
      idempotencyKey: 'optional',
      summary: 'Create a user',
    },
    async (ctx) => {
      const user = await idempotent(ctx, db, async (tx) => {
        const created = await insertUser(tx, ctx.body);
        if (!created) throw emailTaken();
        return { status: 201, body: created };
      });
      ctx.header('location', `/api/users/${user.id}`);
      return user;
    },
  );

  app.get(
    '/api/users/:id',
    {
      params: Type.Object({ id: Id }),
      response: { 200: UserWithOrders },
      errors: { 404: 'NOT_FOUND' },
      summary: 'A user and the latest orders',
    },
    async (ctx) => {
      const user = await findUser(db, ctx.input.params.id);
      if (!user) throw new NotFoundError('No user has this id.');
      try {
        return { ...user, orders: await ordersOf(user.id) };
      } catch (error) {
        log.warn({ err: error, userId: user.id }, 'orders not reachable; responding without them');
        return { ...user, orders: null, degraded: ['orders'] };
      }
    },
  );

  internalRoutes(app, db);
}

/** The routes for the checkout saga: undo, and look up the stored response of a key. */
function internalRoutes(app: Application, db: Database): void {
  app.get(
    '/internal/users/outcome',
    { internal: true, query: Type.Object({ key: Key }), summary: 'The stored response of a keyed creation' },
    async (ctx) => {
      const stored = await db.outcomeOf({ route: CREATE, key: ctx.input.query.key });
      if (!stored) throw new NotFoundError('This key has no stored response.');
      return stored;
    },
  );

  app.post(
    '/internal/users/undo',
    {
      internal: true,
      body: Type.Object({ key: Key }),
      summary: 'Undo a keyed creation, or prevent a late one',
    },
    async (ctx) => {
      await db.compensate({ route: CREATE, key: ctx.body.key }, async (tx, done) => {
        if (done) await deleteUser(tx, (done.body as User).id);
      });
    },
  );
}
