// All statements on the payments database.
import type { Queryable } from 'multilane';
import type { NewPayment, Payment } from './schema.js';

interface PaymentRow {
  readonly id: number;
  readonly order_id: number;
  readonly amount_cents: number;
  readonly currency: string;
  readonly status: Payment['status'];
  readonly created_at: Date;
}

const COLUMNS = 'id, order_id, amount_cents, currency, status, created_at';

const toPayment = (row: PaymentRow): Payment => ({
  id: row.id,
  orderId: row.order_id,
  amountCents: row.amount_cents,
  currency: row.currency,
  status: row.status,
  createdAt: row.created_at.toISOString(),
});

export async function insertCaptured(
  db: Queryable,
  payment: NewPayment & { readonly currency: string },
): Promise<Payment> {
  const row = await db.one<PaymentRow>(
    `insert into payments (order_id, amount_cents, currency, method, status)
     values ($1, $2, $3, $4, 'captured') returning ${COLUMNS}`,
    [payment.orderId, payment.amountCents, payment.currency, payment.method],
  );
  return toPayment(row);
}

/** Marks a payment as refunded. The row stays, since captures and refunds belong to the accounts. */
export async function refund(db: Queryable, id: number): Promise<void> {
  await db.query("update payments set status = 'refunded' where id = $1", [id]);
}

/** How often the key was tried, this time included. */
export async function countAttempt(db: Queryable, key: string): Promise<number> {
  const { attempts } = await db.one<{ attempts: number }>(
    `insert into provider_attempts as p (key, attempts) values ($1, 1)
     on conflict (key) do update set attempts = p.attempts + 1 returning attempts`,
    [key],
  );
  return attempts;
}
