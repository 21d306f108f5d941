// Three processes with one limit over a registry in PostgreSQL or etcd.
import { expect } from 'chai';
import { startProxy } from '../db/fixtures/proxy.js';
import { breakableProxy } from '../support/breakable-proxy.js';
import { get, json } from '../support/client.js';
import { type Cluster, launchCluster, newDataDir, startCluster } from '../support/cluster.js';
import { needsEtcd, startEtcd } from '../support/etcd.js';
import { type Answered, evenLoad } from '../support/even-load.js';
import { startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';
import { LIMITED, PLAIN } from './fixtures/paths.js';

const [N, BURST] = [100, 30];
/** Responses may come closer together than their requests were admitted, by the delays of a busy machine. */
const DELAY_S = 0.3;
/** Requests per second to each process: three times the limit, most of them to the first. */
const SKEWED = [270, 27, 3] as const;

interface Store {
  readonly registry: string;
  refuse(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

async function postgres(): Promise<Store> {
  const proxy = await startProxy(await (await startTestPostgres()).createDatabase('limits'));
  return { registry: proxy.url, refuse: proxy.refuse, listen: proxy.listen, close: proxy.close };
}

async function etcd(): Promise<Store> {
  const server = await startEtcd();
  const proxy = await breakableProxy(server.port);
  return {
    registry: `etcd://127.0.0.1:${proxy.port}`,
    refuse: () => proxy.refuse(),
    listen: () => proxy.listen(),
    async close() {
      await proxy.close();
      await server.close();
    },
  };
}

/** The times of admissions, in seconds, in their order. */
const admissionsOf = (responses: readonly Answered[]): number[] =>
  responses
    .filter(({ status }) => status === 200)
    .map(({ at }) => at / 1000)
    .toSorted((a, b) => a - b);

/** The most that was admitted beyond B + N*t in any interval. */
function excessOf(times: readonly number[]): number {
  let next = Number.NEGATIVE_INFINITY;
  let excess = Number.NEGATIVE_INFINITY;
  for (const at of times) {
    next = Math.max(next, at) + 1 / N;
    excess = Math.max(excess, (next - at - DELAY_S) * N - BURST);
  }
  return excess;
}

for (const [name, start] of Object.entries({ PostgreSQL: postgres, etcd })) {
  describe(`a limit over three processes that share a registry in ${name}`, () => {
    let store: Store;
    /** Those that have a share, and all that were started. */
    const processes: Cluster[] = [];
    const started: Cluster[] = [];
    const launch = async (): Promise<Cluster> => {
      const env = { WORKERS: '1', REGISTRY: store.registry };
      const cluster = await startCluster({ config: LIMITED, env });
      started.push(cluster);
      return cluster;
    };
    const gauge = async ({ adminUrl }: Cluster): Promise<number> => {
      const page = await (await get(`${adminUrl}/metrics`)).text();
      return Number(/^multilane_limit_members (\d+)$/m.exec(page)?.[1]);
    };
    const allSee = (count: number) =>
      until(
        () => Promise.all(processes.map(gauge)),
        (seen) => seen.every((members) => members === count),
      );
    /** Loads all processes at the same time. */
    const load = async (perSecond: readonly number[], forMs: number): Promise<readonly Answered[]> => {
      const loads = processes.map(({ url }, n) =>
        evenLoad({ url, path: '/limited', perSecond: perSecond[n]!, forMs, connections: 16 }),
      );
      return (await Promise.all(loads)).flatMap(({ responses }) => responses);
    };

    before(async function () {
      if (name === 'etcd') needsEtcd(this);
      store = await start();
      for (let n = 0; n < 3; n++) processes.push(await launch());
      await allSee(3);
    });
    after(async () => {
      for (const each of started) await each.dispose();
      await store?.close();
    });

    it('admits the limit once, wherever the requests come, and no more in any interval', async () => {
      const responses = await load(SKEWED, 14_000);
      expect([...new Set(responses.map(({ status }) => status))]).to.have.members([200, 429]);
      const times = admissionsOf(responses);
      expect(excessOf(times)).to.be.at.most(0);
      const settled = times.filter((at) => at > times.at(-1)! - 6);
      // Without shares that move it would be 63 a second; a busy machine sends some requests too late.
      expect(settled.length / 6).to.be.within(85, N + BURST / 6);
    }).timeout(60_000);

    it('goes on while the registry cannot be reached', async () => {
      await store.refuse();
      const responses = await load(SKEWED, 5_000);
      expect([...new Set(responses.map(({ status }) => status))]).to.have.members([200, 429]);
      const times = admissionsOf(responses);
      expect(excessOf(times)).to.be.at.most(0);
      expect(times.length / 5).to.be.above(85);
      await store.listen();
      await allSee(3);
    }).timeout(60_000);

    it('is kept when a process is killed; the one that takes its place has its share at once', async () => {
      processes.shift()!.signal('SIGKILL');
      processes.push(await launch());
      await allSee(3);
      const responses = await load([100, 100, 100], 6_000);
      expect([...new Set(responses.map(({ status }) => status))]).to.have.members([200, 429]);
      expect(excessOf(admissionsOf(responses))).to.be.at.most(0);
    }).timeout(60_000);

    it('is kept when a process does not respond; a further one waits, and serves the rest', async () => {
      const stopped = processes.shift()!;
      stopped.signal('SIGSTOP');
      const late = await launch();
      expect((await get(late.url)).status).to.equal(200);
      expect((await get(`${late.url}/health`)).status).to.equal(200);
      const refused = await get(`${late.url}/limited`);
      expect(await json(refused, 503)).to.include({ code: 'STARTING', executed: false });
      expect(refused.headers.get('retry-after')).to.equal('1');
      expect(await json(await get(`${late.url}/named`), 503)).to.include({
        code: 'STARTING',
        executed: true,
      });
      // What was lent to the stopped one comes back when it has lapsed; the others keep a part.
      const times = admissionsOf(await load([100, 100], 6_000));
      expect(excessOf(times)).to.be.at.most(0);
      expect(times.length).to.be.above(0);
      stopped.signal('SIGKILL');
    }).timeout(60_000);
  });
}

describe('a limit over several processes without a registry for it', () => {
  const exitOf = async (config: string, env: Readonly<Record<string, string>>): Promise<string> => {
    const launched = launchCluster({ config, env: { WORKERS: '1', ...env }, dataDir: newDataDir() });
    const { code } = await launched.exited;
    const text = `${code}: ${launched.stderr.join('\n')}`;
    await launched.dispose();
    return text;
  };

  it('is refused at the start, as a setting and as an option of a route', async () => {
    const ofAll = await exitOf(PLAIN, { RATE_LIMIT: '5/second', RATE_LIMIT_SCOPE: 'cluster' });
    expect(ofAll).to.match(/^78: .*RATE_LIMIT_SCOPE: cluster needs a registry/s);
    expect(await exitOf(LIMITED, {})).to.match(/^78: .*scope "cluster".* needs a registry/s);
  });
});
