import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { type Answered, evenLoad } from '../support/even-load.js';
import { quantile } from '../support/quantile.js';
import { QUEUEING } from './fixtures/paths.js';

const WORKERS = 4;
/** Four at once in each worker, 20 ms each. */
const CAPACITY = WORKERS * 4 * 50;

interface Limits {
  readonly concurrency: { readonly shed: Readonly<Record<string, number>> };
}

const latencyQuantile = (answers: readonly Answered[], share: number): number =>
  quantile(
    answers.map(({ latencyMs }) => latencyMs),
    share,
  );

describe('under ten times the load', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ config: QUEUEING, env: { WORKERS: String(WORKERS) } });
  });
  after(() => cluster.dispose());
  const load = async (perSecond: number, forMs: number, path = '/') => {
    const { answers } = await evenLoad({ url: cluster.url, path, perSecond, forMs, connections: 500 });
    const admitted = answers.filter(({ status }) => status === 200);
    return { admitted, refused: answers.filter(({ status }) => status !== 200) };
  };

  const shedSoFar = async (): Promise<number> => {
    const limits = await json<Limits>(await get(`${cluster.adminUrl}/limits`));
    return Object.values(limits.concurrency.shed).reduce((sum, count) => sum + count, 0);
  };

  it('goodput and latency stay, refusals are quick, what is critical and health are served', async () => {
    const unloaded = await load(CAPACITY / 8, 2_000);
    expect(unloaded.refused).to.deep.equal([]);
    const asked: [string, number, number][] = [];
    let over = false;
    const urgent = (async () => {
      while (!over) {
        for (const path of ['/health', '/urgent']) {
          const started = performance.now();
          const { status } = await get(cluster.url + path);
          asked.push([path, status, performance.now() - started]);
        }
        await delay(100);
      }
    })();
    // What a flood brings in before any of it is answered has to be worked off first.
    await load(10 * CAPACITY, 2_000);
    asked.length = 0;
    const before = await shedSoFar();
    const { admitted, refused } = await load(10 * CAPACITY, 5_000);
    over = true;
    await urgent;

    expect([...new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))]).to.deep.equal([
      '503 1',
    ]);
    // The bounds are those of a calm machine, times two.
    expect(admitted.length / 5).to.be.above(0.4 * CAPACITY);
    expect(latencyQuantile(admitted, 0.98)).to.be.below(
      2 * 5 * Math.max(20, latencyQuantile(unloaded.admitted, 0.99)),
    );
    expect(latencyQuantile(refused, 0.99)).to.be.below(2 * 100);
    expect(asked.length).to.be.above(10);
    for (const [path, status, ms] of asked) {
      expect(status, path).to.equal(200);
      expect(ms, path).to.be.below(500);
    }
    expect((await shedSoFar()) - before).to.equal(refused.length);
  });

  it('nobody is refused when it is over', async () => {
    await load(CAPACITY / 8, 1_000);
    const { refused } = await load(CAPACITY / 8, 1_000);
    expect(refused).to.deep.equal([]);
  });
});
