// Checkouts while the process is killed again and again, and the audit that follows: what the journal says of
// every saga must be what the other three databases hold.
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { post, unique, uniqueEmail } from './client.js';
import { startCluster, within } from './cluster.js';
import { seeded } from './random.js';
import { Sql } from './sql.js';
import { until } from './until.js';

const CLIENTS = 8;
const SETTLE_MS = 60_000;

interface Sent {
  readonly key: string;
  readonly body: unknown;
  /** What the client was told before the process died; undefined when it heard nothing. */
  answer: { readonly status: number; readonly sagaId: unknown } | undefined;
}

export interface StormReport {
  readonly sent: number;
  readonly answered: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Everything that contradicts the promise; empty when it was kept. */
  readonly faults: readonly string[];
}

/** The reference shop, and a way to kill it. */
export interface Victim {
  readonly url: string;
  readonly dataDir: string;
  /** By SIGKILL; resolves when it is ready again, at the same or another address. */
  killAndRestart(): Promise<Victim>;
  dispose(): Promise<void>;
}

/** Nobody restarts it but the storm. */
async function lonelyVictim(dataDir?: string): Promise<Victim> {
  const cluster = await startCluster(dataDir === undefined ? {} : { dataDir });
  return {
    url: cluster.url,
    dataDir: cluster.dataDir,
    async killAndRestart() {
      await cluster.stop('SIGKILL');
      return lonelyVictim(cluster.dataDir);
    },
    dispose: () => cluster.dispose(),
  };
}

/** Kills `kills` times at moments drawn from the seed, and audits what is there after the last restart. */
export async function killStorm(
  kills: number,
  seed: number,
  start: () => Promise<Victim> = lonelyVictim,
): Promise<StormReport> {
  const random = seeded(seed);
  const sent: Sent[] = [];
  let victim = await start();
  try {
    for (let kill = 0; kill < kills; kill += 1) victim = await checkoutsUntilKilled(victim, sent, random);
    const sql = new Sql(victim.dataDir);
    try {
      const faults = [...(await settle(sql)), ...(await audit(sql, sent)), ...(await askAgain(victim, sent))];
      const rows = await sql.query<{ status: string; n: number }>(
        'checkout',
        'select status, count(*) as n from saga group by status',
      );
      const statuses = Object.fromEntries(rows.map(({ status, n }) => [status, n]));
      const answered = sent.filter(({ answer }) => answer !== undefined).length;
      return { sent: sent.length, answered, statuses, faults };
    } finally {
      await sql.close();
    }
  } finally {
    await victim.dispose();
  }
}

async function checkoutsUntilKilled(victim: Victim, sent: Sent[], random: () => number): Promise<Victim> {
  const progress = new EventEmitter();
  let answered = 0;
  const client = async (): Promise<void> => {
    for (;;) {
      const draw = random();
      const method = draw < 0.6 ? 'tok_ok' : draw < 0.85 ? 'tok_declined' : 'tok_flaky';
      const body = {
        user: { name: 'Ada', email: uniqueEmail() },
        item: { productId: 7, quantity: 2 },
        payment: { amountCents: 1999, method },
      };
      const request: Sent = { key: unique('storm'), body, answer: undefined };
      sent.push(request);
      try {
        const response = await post(`${victim.url}/api/checkout`, body, { 'idempotency-key': request.key });
        const { sagaId } = (await response.json()) as { sagaId?: unknown };
        request.answer = { status: response.status, sagaId };
      } catch {
        return; // the process is dead: what became of this one, the journal knows
      }
      answered += 1;
      progress.emit('answered');
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  const target = 5 + Math.floor(random() * 60);
  while (answered < target) {
    await within(
      20_000,
      once(progress, 'answered'),
      () => `only ${answered} of ${target} checkouts were answered`,
    );
  }
  await sleep(random() * 30); // any moment between two answers is as good as another
  const [next] = await Promise.all([victim.killAndRestart(), clients]);
  return next;
}

/** Waits until no saga is under way. */
async function settle(sql: Sql): Promise<string[]> {
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

async function audit(sql: Sql, sent: readonly Sent[]): Promise<string[]> {
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
  for (const { key, answer } of sent) {
    if (answer === undefined) continue;
    const saga = byKey.get(key);
    const promised = answer.status === 201 ? 'completed' : answer.status === 402 ? 'compensated' : undefined;
    if (promised === undefined) faults.push(`a checkout was answered ${answer.status}`);
    else if (saga?.saga_id !== answer.sagaId || saga?.status !== promised) {
      faults.push(`the client was told ${promised}, the journal says ${saga?.status ?? 'nothing'}`);
    }
  }
  return faults;
}

/** Every client that heard nothing asks again with its key: one final answer, and no second effect. */
async function askAgain(victim: Victim, sent: readonly Sent[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { key, body } of sent.filter(({ answer }) => answer === undefined)) {
    const answers: string[] = [];
    for (let time = 0; time < 2; time += 1) {
      const response = await post(`${victim.url}/api/checkout`, body, { 'idempotency-key': key });
      const { sagaId } = (await response.json()) as { sagaId?: unknown };
      answers.push(`${response.status} ${String(sagaId)}`);
    }
    if (!/^(201|402) /.test(answers[0]!) || answers[0] !== answers[1]) {
      faults.push(`asked again with its key: ${answers.join(', then ')}`);
    }
  }
  return faults;
}
