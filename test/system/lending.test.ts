import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { Sql } from '#test/support/sql.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { LENDING } from './fixtures/paths.js';

const MOST = 3;
const OPEN = `select count(*)::int as open from pg_stat_activity where application_name = 'multilane lending'`;

interface Usage {
  readonly held: number;
  readonly most: number;
  readonly waiting: number;
}

describe('the database connections that a process lends to two workers', () => {
  let cluster: Cluster;
  let sql: Sql;
  let wires: readonly [Wire, Wire];
  /** The highest number of connections that the server has had. */
  let highest = 0;
  let watching: Promise<void>;
  let isOver = false;

  const open = async (): Promise<number> => (await sql.query<{ open: number }>('postgres', OPEN))[0]!.open;
  const usage = async (): Promise<Usage> =>
    (await json<{ databaseConnections: Usage }>(await get(`${cluster.adminUrl}/limits`))).databaseConnections;
  /** The use of the connections, as the metrics show it. */
  const counted = async (): Promise<number> => {
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    const values = [...metrics.matchAll(/^db_client_connections\{[^}]*pool="lending"[^}]*\} (\d+)$/gm)];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const ask = async (wire: Wire, path: string): Promise<{ status: number; body: unknown }> => {
    const { status, body } = (await wire.request('GET', path))!;
    return { status, body: status === 200 ? JSON.parse(String(body)) : String(body) };
  };
  const toEveryWorker = async (): Promise<readonly [Wire, Wire]> => {
    const byThread = new Map<unknown, Wire>();
    while (byThread.size < 2) {
      const wire = await Wire.open(cluster.url);
      const { thread } = (await ask(wire, '/thread')).body as { thread: number };
      byThread.get(thread)?.destroy();
      byThread.set(thread, wire);
    }
    return [...byThread.values()] as [Wire, Wire];
  };

  before(async function () {
    this.timeout(30_000);
    cluster = await startCluster({
      config: LENDING,
      found: 'server',
      // A worker that gets no core must not be replaced: the tests follow which worker holds which
      // connections.
      env: { DATABASE_POOL_MAX: String(MOST), STALL_MS: '20000' },
    });
    sql = new Sql(cluster.dataDir);
    wires = await toEveryWorker();
    watching = (async () => {
      while (!isOver) highest = Math.max(highest, await open());
    })();
  });
  after(async function () {
    this.timeout(30_000);
    for (const wire of wires) wire.destroy();
    isOver = true;
    await watching;
    await sql.close();
    await cluster.dispose();
  });

  it('go from an idle worker to a busy one long before they would be closed', async () => {
    const [idle, busy] = wires;
    expect((await ask(idle, `/hold/${MOST}/50`)).status).to.equal(200);
    expect(await usage()).to.deep.equal({ held: MOST, most: MOST, waiting: 0 });
    const { status, body } = await ask(busy, `/hold/${MOST}/50`);
    expect(status, String(body)).to.equal(200);
    // Idle connections are closed after 10 s.
    expect((body as { tookMs: number }).tookMs).to.be.below(5_000);
  });

  it('are shared by workers that are both busy, and all requests are served', async function () {
    this.timeout(20_000);
    const load = async (wire: Wire, path: string): Promise<number[]> => {
      const statuses: number[] = [];
      while (performance.now() < end) statuses.push((await ask(wire, path)).status);
      return statuses;
    };
    const more = await toEveryWorker();
    const end = performance.now() + 300;
    const responses = await Promise.all([
      ...wires.map((wire) => load(wire, `/hold/${MOST}/5`)),
      ...more.map((wire) => load(wire, '/read')),
    ]);
    for (const wire of more) wire.destroy();
    for (const statuses of responses) expect([...new Set(statuses)]).to.deep.equal([200]);
  });

  it('are reclaimed from a worker that has crashed with all of them', async function () {
    this.timeout(20_000);
    const [first] = wires;
    expect((await ask(first, `/hold/${MOST}/1`)).status).to.equal(200);
    expect((await first.request('GET', '/crash'))?.status).to.equal(200);
    for (const wire of wires) wire.destroy();
    const workers = async () =>
      json<{ generation: number; state: string }[]>(await get(`${cluster.adminUrl}/workers`));
    await until(workers, (all) => all.length === 2 && all.some(({ generation }) => generation === 2));
    wires = await toEveryWorker();
    for (const wire of wires) expect((await ask(wire, `/hold/${MOST}/5`)).status).to.equal(200);
  });

  it('are never more than DATABASE_POOL_MAX on the server, and are counted correctly', async () => {
    const isTold = (numbers: readonly number[]): boolean => new Set(numbers).size === 1;
    const numbers = await until(
      async () => [await open(), (await usage()).held, await counted()],
      isTold,
      8_000,
    );
    expect(isTold(numbers), numbers.join()).to.equal(true);
    isOver = true;
    await watching;
    expect(highest).to.be.within(1, MOST);
  });
});
