// Checkouts while another session has locked the table of payments for longer than a step may take, and the
// audit that follows.
import { setTimeout as sleep } from 'node:timers/promises';
import { post, unique } from './client.js';
import { startCluster } from './cluster.js';
import { seeded } from './random.js';
import { audit, type Sent, settle } from './shop-audit.js';
import { checkoutBody } from './shop-messages.js';
import { Sql } from './sql.js';

/** Statuses of a checkout that has ended: completed or compensated. */
const FINAL: ReadonlySet<number> = new Set([201, 402]);

export interface LockReport {
  readonly statuses: Readonly<Record<string, number>>;
  /** Violations of the guarantee that every checkout is completed or compensated. */
  readonly faults: readonly string[];
}

/** @param checkouts number of checkouts at the same time in each run */
export async function lockStorm(runs: number, checkouts: number, seed: number): Promise<LockReport> {
  const random = seeded(seed);
  const cluster = await startCluster();
  const sql = new Sql(cluster.dataDir);
  const sent: Sent[] = [];
  const statuses: Record<string, number> = {};
  const checkout = async (): Promise<void> => {
    const body = checkoutBody('tok_ok');
    const request: Sent = { key: unique('lock'), body, result: undefined };
    sent.push(request);
    const response = await post(`${cluster.url}/api/checkout`, body, { 'idempotency-key': request.key });
    const { sagaId } = (await response.json()) as { sagaId?: unknown };
    statuses[response.status] = (statuses[response.status] ?? 0) + 1;
    if (FINAL.has(response.status)) request.result = { status: response.status, sagaId };
  };
  try {
    for (let run = 0; run < runs; run++) {
      await sql.query('payments', 'begin');
      await sql.query('payments', 'lock table payments in access exclusive mode');
      const all = Promise.all(Array.from({ length: checkouts }, checkout));
      await sleep(1_500 + random() * 1_500);
      await sql.query('payments', 'commit');
      await all;
    }
    return { statuses, faults: [...(await settle(sql)), ...(await audit(sql, sent))] };
  } finally {
    await sql.close();
    await cluster.dispose();
  }
}
