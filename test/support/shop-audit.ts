// Compares the journal with the other three databases: every checkout must be completed or have left nothing.
import type { Sql } from './sql.js';
import { until } from './until.js';

const SETTLE_MS = 60_000;

/** What a test reads of a response to a checkout: the ID of its saga, or the code of a problem. */
export interface ShopResponse {
  readonly status: number;
  readonly sagaId?: unknown;
  readonly code?: string;
  readonly detail?: string;
}

export interface Sent {
  readonly key: string;
  readonly body: unknown;
  /** The response that the client got before the process was killed; undefined for none. */
  result: ShopResponse | undefined;
}

/** Waits until no saga is under way. @returns the sagas that still are after a minute */
export async function settle(sql: Sql): Promise<string[]> {
  const open = await until(
    () =>
      sql.query<{ saga_id: string; status: string }>(
        'checkout',
        `select saga_id, status from saga where status not in ('completed', 'compensated')`,
      ),
    (rows) => rows.length === 0,
    SETTLE_MS,
  );
  return open.map((saga) => `saga ${saga.saga_id} is still ${saga.status}`);
}

interface SagaRow {
  readonly saga_id: string;
  readonly status: string;
  readonly email: string;
  readonly idempotency_key: string;
}

export async function audit(sql: Sql, sent: readonly Sent[]): Promise<string[]> {
  const sagas = await sql.query<SagaRow>(
    'checkout',
    `select saga_id, status, input->'user'->>'email' as email, idempotency_key from saga`,
  );
  const users = await sql.query<{ id: number; email: string }>('users', 'select id, email from users');
  const orders = await sql.query<{ id: number; user_id: number; status: string }>(
    'orders',
    'select id, user_id, status from orders',
  );
  const payments = await sql.query<{ order_id: number; status: string }>(
    'payments',
    `select order_id, status from payments where status <> 'refunded'`,
  );
  const faults: string[] = [];
  for (const saga of sagas) {
    const owned = users.filter(({ email }) => email === saga.email);
    const placed = orders.filter(({ user_id }) => owned.some(({ id }) => id === user_id));
    const paid = payments.filter(({ order_id }) => placed.some(({ id }) => id === order_id));
    const states = (rows: readonly { readonly status: string }[]): string =>
      rows.map(({ status }) => status).join(',');
    const holds = `${owned.length} users, orders [${states(placed)}], payments [${states(paid)}]`;
    const expected =
      saga.status === 'completed'
        ? '1 users, orders [confirmed], payments [captured]'
        : '0 users, orders [], payments []';
    if (holds !== expected) faults.push(`saga ${saga.saga_id} is ${saga.status} but has ${holds}`);
  }
  const completed = sagas.filter(({ status }) => status === 'completed').length;
  for (const [what, count] of [
    ['users', users.length],
    ['orders', orders.length],
    ['payments that are not refunded', payments.length],
  ] as const) {
    if (count !== completed) faults.push(`${completed} completed sagas, but ${count} ${what}`);
  }
  const byKey = new Map(sagas.map((saga) => [saga.idempotency_key, saga]));
  for (const { key, result } of sent) {
    if (result === undefined) continue;
    const saga = byKey.get(key);
    const promised = result.status === 201 ? 'completed' : result.status === 402 ? 'compensated' : undefined;
    if (promised === undefined)
      faults.push(`the response to a checkout was ${result.status} ${result.code}: ${result.detail}`);
    else if (saga?.saga_id !== result.sagaId || saga?.status !== promised) {
      faults.push(
        `the response to the client means ${promised}, but the journal has ${saga?.status ?? 'nothing'}`,
      );
    }
  }
  return faults;
}
