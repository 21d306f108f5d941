// All statements on the orders database.
import type { Queryable } from 'multilane';
import type { Position } from './rules.js';
import type { NewOrder, Order } from './schema.js';

interface OrderRow {
  readonly id: number;
  readonly user_id: number;
  readonly product_id: number;
  readonly quantity: number;
  readonly status: Order['status'];
  readonly created_at: Date;
}

const COLUMNS = 'id, user_id, product_id, quantity, status, created_at';

const toOrder = (row: OrderRow): Order => ({
  id: row.id,
  userId: row.user_id,
  productId: row.product_id,
  quantity: row.quantity,
  status: row.status,
  createdAt: row.created_at.toISOString(),
});

export async function insertOrder(db: Queryable, order: NewOrder): Promise<Order> {
  const row = await db.one<OrderRow>(
    `insert into orders (user_id, product_id, quantity) values ($1, $2, $3) returning ${COLUMNS}`,
    [order.userId, order.productId, order.quantity],
  );
  return toOrder(row);
}

export async function findOrder(db: Queryable, id: number): Promise<Order | undefined> {
  const row = await db.maybeOne<OrderRow>(`select ${COLUMNS} from orders where id = $1`, [id]);
  return row && toOrder(row);
}

/** The orders of a user, newest first, beginning after the position `after`. */
export async function ordersOfUser(
  db: Queryable,
  userId: number,
  limit: number,
  after?: Position,
): Promise<Order[]> {
  const rows = after
    ? await db.many<OrderRow>(
        `select ${COLUMNS} from orders where user_id = $1 and (created_at, id) < ($2, $3)
         order by created_at desc, id desc limit $4`,
        [userId, new Date(after.createdAt), after.id, limit],
      )
    : await db.many<OrderRow>(
        `select ${COLUMNS} from orders where user_id = $1 order by created_at desc, id desc limit $2`,
        [userId, limit],
      );
  return rows.map(toOrder);
}

/** What the sales report needs of an order. */
export interface SoldOrder {
  readonly id: number;
  readonly productId: number;
  readonly quantity: number;
  readonly isConfirmed: boolean;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
}

/** Orders by product and id, beginning after the order `after`. */
export async function ordersByProduct(
  db: Queryable,
  limit: number,
  after: Pick<SoldOrder, 'productId' | 'id'> = { productId: 0, id: 0 },
): Promise<SoldOrder[]> {
  const rows = await db.many<OrderRow>(
    `select ${COLUMNS} from orders where (product_id, id) > ($1, $2) order by product_id, id limit $3`,
    [after.productId, after.id, limit],
  );
  return rows.map(({ id, product_id, quantity, status, created_at }) => ({
    id,
    productId: product_id,
    quantity,
    isConfirmed: status === 'confirmed',
    createdAtMs: created_at.getTime(),
  }));
}

export async function setStatus(
  db: Queryable,
  id: number,
  status: Order['status'],
): Promise<Order | undefined> {
  const row = await db.maybeOne<OrderRow>(
    `update orders set status = $2 where id = $1 returning ${COLUMNS}`,
    [id, status],
  );
  return row && toOrder(row);
}

export async function deleteOrder(db: Queryable, id: number): Promise<void> {
  await db.query('delete from orders where id = $1', [id]);
}
