import { type Application, idempotent, NotFoundError, type ServiceDeps, Type } from 'multilane';
import { salesReport } from './report.js';
import { DEFAULT_LIMIT, decodeCursor, nextLink, pageOf } from './rules.js';
import { Id, Key, NewOrder, Order, PageQuery } from './schema.js';
import { deleteOrder, findOrder, insertOrder, ordersOfUser, setStatus } from './store.js';

/** The routes to which idempotency keys belong. */
const CREATE = 'POST /api/orders';
const CONFIRM = 'POST /internal/orders/confirm';

/**
 * The longest time of a sales report, that in which a slow client reads it included. The tasks of its pages
 * have this deadline.
 */
const REPORT_MS = 10 * 60 * 1_000;

const ById = Type.Object({ id: Id });
const ByKey = Type.Object({ key: Key });

const unknownOrder = (): NotFoundError => new NotFoundError('No order has this id.');

export function routes(app: Application, deps: ServiceDeps): void {
  publicRoutes(app, deps);
  paperRoutes(app, deps);
  internalRoutes(app, deps);
}

function publicRoutes(app: Application, { db }: ServiceDeps): void {
  app.post(
    '/api/orders',
    {
      body: NewOrder,
      response: { 201: Order },
      responseHeaders: { 201: Type.Object({ location: Type.String({ examples: ['/api/orders/1'] }) }) },
      idempotencyKey: 'optional',
      summary: 'Create an order',
    },
    async (ctx) => {
      const order = await idempotent(ctx, db, async (tx) => ({
        status: 201,
        body: await insertOrder(tx, ctx.body),
      }));
      ctx.header('location', `/api/orders/${order.id}`);
      return order;
    },
  );

  app.get(
    '/api/orders/:id',
    { params: ById, response: { 200: Order }, errors: { 404: 'NOT_FOUND' }, summary: 'An order' },
    async (ctx) => {
      const order = await findOrder(db, ctx.input.params.id);
      if (!order) throw unknownOrder();
      return order;
    },
  );

  app.get(
    '/api/users/:id/orders',
    {
      params: ById,
      query: PageQuery,
      response: { 200: Type.Array(Order) },
      responseHeaders: {
        200: Type.Object({
          link: Type.Optional(Type.String({ description: 'The next page, if there is one (RFC 8288).' })),
        }),
      },
      errors: { 422: 'BAD_CURSOR' },
      summary: "A user's orders, newest first",
    },
    async (ctx) => {
      const { id } = ctx.input.params;
      const { limit = DEFAULT_LIMIT, cursor } = ctx.input.query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const page = pageOf(await ordersOfUser(db, id, limit + 1, after), limit);
      if (page.next !== undefined) ctx.header('link', nextLink(id, limit, page.next));
      return page.orders;
    },
  );
}

/** What is made of orders on the CPU pool: an invoice, and the sales report. */
function paperRoutes(app: Application, { db, cpu }: ServiceDeps): void {
  app.get(
    '/api/orders/:id/invoice.pdf',
    {
      params: ById,
      produces: 'application/pdf',
      errors: { 404: 'NOT_FOUND' },
      summary: 'The invoice of an order',
    },
    async (ctx) => {
      const order = await findOrder(db, ctx.input.params.id);
      if (!order) throw unknownOrder();
      const pdf = await cpu.run<Uint8Array>('renderInvoice', order, { signal: ctx.signal });
      ctx.header('content-disposition', `inline; filename="invoice-${order.id}.pdf"`);
      return ctx.bytes(pdf, 'application/pdf');
    },
  );

  app.get(
    '/api/orders/report.csv',
    {
      timeoutMs: REPORT_MS,
      produces: 'text/csv',
      summary: 'A sales report as CSV: one line for each product that was ordered',
    },
    async (ctx) => {
      ctx.header('content-disposition', 'attachment; filename="sales-report.csv"');
      return ctx.stream(await salesReport(db, cpu), 'text/csv; charset=utf-8; header=present');
    },
  );
}

/** The routes for the checkout saga: confirm, undo, and look up the stored response of a key. */
function internalRoutes(app: Application, { db }: ServiceDeps): void {
  app.post(
    '/internal/orders/confirm',
    { internal: true, body: Type.Object({ orderId: Id }), summary: 'Confirm a pending order' },
    (ctx) =>
      idempotent(ctx, db, async (tx) => {
        const order = await setStatus(tx, ctx.body.orderId, 'confirmed');
        if (!order) throw unknownOrder();
        return { status: 200, body: order };
      }),
  );

  app.post(
    '/internal/orders/confirm/undo',
    { internal: true, body: ByKey, summary: 'Undo a keyed confirmation, or prevent a late one' },
    async (ctx) => {
      await db.compensate({ route: CONFIRM, key: ctx.body.key }, async (tx, done) => {
        if (done) await setStatus(tx, (done.body as Order).id, 'pending');
      });
    },
  );

  app.post(
    '/internal/orders/undo',
    { internal: true, body: ByKey, summary: 'Undo a keyed creation, or prevent a late one' },
    async (ctx) => {
      await db.compensate({ route: CREATE, key: ctx.body.key }, async (tx, done) => {
        if (done) await deleteOrder(tx, (done.body as Order).id);
      });
    },
  );

  app.get(
    '/internal/orders/outcome',
    { internal: true, query: ByKey, summary: 'The stored response of a keyed creation' },
    async (ctx) => {
      const stored = await db.outcomeOf({ route: CREATE, key: ctx.input.query.key });
      if (!stored) throw new NotFoundError('This key has no stored response.');
      return stored;
    },
  );
}
