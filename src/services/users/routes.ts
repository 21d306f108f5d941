import { type Application, type Call, idempotent, NotFoundError, type ServiceDeps, Type } from 'multilane';
import { emailTaken } from './rules.js';
import { Id, Key, NewUser, User, UserWithOrders } from './schema.js';
import { deleteUser, findUser, insertUser } from './store.js';

/** The route to which the idempotency keys of new users belong. */
const CREATE = 'POST /api/users';

/** After this time the response is sent without orders rather than late. */
const ORDERS_TIMEOUT_MS = 1500;

export function routes(app: Application, { db, call, log }: ServiceDeps): void {
  app.post(
    '/api/users',
    { body: NewUser, response: { 201: User }, summary: 'Create a user' },
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
      summary: 'A user and the latest orders',
    },
    async (ctx) => {
      const user = await findUser(db, ctx.input.params.id);
      if (!user) throw new NotFoundError('No user has this id.');
      try {
        return { ...user, orders: await ordersOf(call, user.id) };
      } catch (error) {
        log.warn({ err: error, userId: user.id }, 'orders not reachable; responding without them');
        return { ...user, orders: null, degraded: ['orders'] };
      }
    },
  );

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

/** The first page of a user's orders. Throws when it is not available. */
async function ordersOf(call: Call, userId: number): Promise<unknown[]> {
  const response = await call('orders').get(`/api/users/${userId}/orders`, { timeoutMs: ORDERS_TIMEOUT_MS });
  if (response.status !== 200) throw new Error(`the orders service responded with ${response.status}`);
  const orders = response.json();
  if (!Array.isArray(orders)) throw new Error('the response of the orders service is not a list');
  return orders;
}
