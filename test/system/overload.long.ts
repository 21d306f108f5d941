// Outside `npm test`: mocha --timeout 3600000 build/test/system/overload.long.js
// The bounds of the issue, judged as two shared cores allow: a handler that waits, a fixed rate whatever the answers do,
// controls in every round, and the median of the three calmest of five rounds.
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { type Answered, evenLoad } from '#test/support/even-load.js';
import { quantile } from '#test/support/quantile.js';
import { QUEUEING } from './fixtures/paths.js';

const WORKERS = 4;
/** In each worker: 64 together. */
const AT_ONCE = 16;
/** A second, at 20 ms each. */
const CAPACITY = WORKERS * AT_ONCE * 50;
const ROUNDS = 5;
const CALMEST = 3;
const FLOOR_MS = 20;
const MOST_LATENCY = 5;
const LEAST_GOODPUT = 0.8;
const REFUSED_MS = 100;
const HEALTH_MS = 500;
const [UNLOADED_MS, PEAK_MS, FLOOD_MS] = [4_000, 4_000, 10_000];
/** What a flood brings in before the first of it is answered is worked off within this. */
const FIRST_MS = 2_000;
const PROBE_EVERY_MS = 100;

interface Round {
  /** 99th percentiles before and behind the flood, milliseconds. */
  readonly before: number;
  readonly after: number;
  readonly admitted: number;
  readonly first: number;
  /** Answers per second. */
  readonly peak: number;
  readonly goodput: number;
  readonly refused: number;
  readonly health: number;
}

const p99 = (answers: readonly Answered[]): number =>
  quantile(
    answers.map(({ latencyMs }) => latencyMs),
    0.99,
  );
const median = (values: readonly number[]): number => quantile(values, 0.5);
const unrest = ({ before, after }: Round): number => Math.max(before, after) / Math.min(before, after);
const isServed = ({ status }: Answered): boolean => status === 200;

describe('under ten times the load, at length', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({
      config: QUEUEING,
      env: { WORKERS: String(WORKERS), AT_ONCE: String(AT_ONCE) },
    });
  });
  after(() => cluster.dispose());

  const load = async (perSecond: number, forMs: number): Promise<readonly Answered[]> =>
    (await evenLoad({ url: cluster.url, perSecond, forMs, connections: 500 })).answers;

  async function healthBeside(work: Promise<unknown>): Promise<number> {
    const state = { over: false };
    void work.finally(() => {
      state.over = true;
    });
    let longest = 0;
    while (!state.over) {
      const started = performance.now();
      const { status } = await get(`${cluster.url}/health`);
      expect(status).to.equal(200);
      longest = Math.max(longest, performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
    }
    return longest;
  }

  async function round(): Promise<Round> {
    const unloaded = await load(CAPACITY / 8, UNLOADED_MS);
    const peak = (await load(CAPACITY, PEAK_MS)).filter(isServed).length / (PEAK_MS / 1000);
    const flooding = load(10 * CAPACITY, FLOOD_MS);
    const health = await healthBeside(flooding);
    const flood = await flooding;
    const begin = flood.reduce((least, { at, latencyMs }) => Math.min(least, at - latencyMs), Infinity);
    const served = flood.filter(isServed);
    const settled = served.filter(({ at }) => at - begin >= FIRST_MS);
    const refused = flood.filter((answer) => !isServed(answer));
    expect([...new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))]).to.deep.equal([
      '503 1',
    ]);
    return {
      before: p99(unloaded),
      after: p99(await load(CAPACITY / 8, UNLOADED_MS)),
      admitted: p99(settled),
      first: p99(served.filter(({ at }) => at - begin < FIRST_MS)),
      peak,
      goodput: served.length / (FLOOD_MS / 1000),
      refused: p99(refused),
      health,
    };
  }

  it('answers what it admits, refuses the rest quickly, and stays healthy', async () => {
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) rounds.push(await round());
    for (const one of rounds) {
      const figures = Object.entries(one).map(([name, value]) => `${name} ${(value as number).toFixed(0)}`);
      console.log(`      ${figures.join(', ')}`);
    }
    const calm = rounds.sort((a, b) => unrest(a) - unrest(b)).slice(0, CALMEST);
    const latency = median(
      calm.map(({ before, after, admitted }) => admitted / Math.max(FLOOR_MS, (before + after) / 2)),
    );
    const goodput = median(calm.map(({ peak, goodput: got }) => got / peak));
    const refused = median(calm.map((one) => one.refused));
    const health = median(calm.map((one) => one.health));
    console.log(
      `      latency ${latency.toFixed(2)} times the unloaded, goodput ${(100 * goodput).toFixed(0)} % of the peak, ` +
        `refusals ${refused.toFixed(0)} ms, health ${health.toFixed(0)} ms`,
    );
    expect(latency).to.be.at.most(MOST_LATENCY);
    expect(goodput).to.be.at.least(LEAST_GOODPUT);
    expect(refused).to.be.at.most(REFUSED_MS);
    expect(health).to.be.below(HEALTH_MS);
  }).timeout(600_000);
});
