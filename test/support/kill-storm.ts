// Checkouts while the process is killed again and again, and the audit that follows.
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { post, unique } from './client.js';
import { startCluster, within } from './cluster.js';
import { seeded } from './random.js';
import { audit, type Sent, type ShopResponse, settle } from './shop-audit.js';
import { checkoutBody } from './shop-messages.js';
import { Sql } from './sql.js';

const CLIENTS = 8;

export interface StormReport {
  readonly sent: number;
  readonly answered: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Violations of the guarantee that every checkout is completed or compensated. */
  readonly faults: readonly string[];
}

/** The reference shop, and a way to kill it. */
export interface Victim {
  readonly url: string;
  readonly dataDir: string;
  /** Kills it by SIGKILL. Resolves when it is ready again, at the same or another address. */
  killAndRestart(): Promise<Victim>;
  dispose(): Promise<void>;
}

/** A shop without a process manager: the storm itself restarts it. */
async function unmanagedVictim(dataDir?: string): Promise<Victim> {
  const cluster = await startCluster(dataDir === undefined ? {} : { dataDir });
  return {
    url: cluster.url,
    dataDir: cluster.dataDir,
    async killAndRestart() {
      await cluster.stop('SIGKILL');
      return unmanagedVictim(cluster.dataDir);
    },
    dispose: () => cluster.dispose(),
  };
}

/**
 * Kills the shop `kills` times at moments drawn from the seed, and audits its data after the last restart.
 */
export async function killStorm(
  kills: number,
  seed: number,
  start: () => Promise<Victim> = unmanagedVictim,
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
      const answered = sent.filter(({ result }) => result !== undefined).length;
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
      const body = checkoutBody(method);
      const request: Sent = { key: unique('storm'), body, result: undefined };
      sent.push(request);
      try {
        const response = await post(`${victim.url}/api/checkout`, body, { 'idempotency-key': request.key });
        const content = (await response.json()) as Omit<ShopResponse, 'status'>;
        request.result = { ...content, status: response.status };
      } catch {
        return; // the process is dead: the journal shows how this checkout ended
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
      () => `only ${answered} of ${target} checkouts got a response`,
    );
  }
  await sleep(random() * 30); // any moment between two responses is as good as another
  const [next] = await Promise.all([victim.killAndRestart(), clients]);
  return next;
}

/** Repeats each request that got no response, twice, with its key: both must get the same final response. */
async function askAgain(victim: Victim, sent: readonly Sent[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { key, body } of sent.filter(({ result }) => result === undefined)) {
    const responses: string[] = [];
    for (let time = 0; time < 2; time += 1) {
      const response = await post(`${victim.url}/api/checkout`, body, { 'idempotency-key': key });
      const { sagaId } = (await response.json()) as { sagaId?: unknown };
      responses.push(`${response.status} ${String(sagaId)}`);
    }
    if (!/^(201|402) /.test(responses[0]!) || responses[0] !== responses[1]) {
      faults.push(`repeated with its key: ${responses.join(', then ')}`);
    }
  }
  return faults;
}
