// Outside `npm test`: mocha --timeout 3600000 build/test/system/overload.long.js The bounds of
// docs/overload.md, judged as two shared cores allow: a fixed rate whatever the responses do, controls in
// every round, and the median of the three calmest of five rounds. A flood meets one worker, so that the load
// it costs to make does not take the worker's core: the rule is one of each thread.
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { type Answered, evenLoad } from '#test/support/even-load.js';
import { quantile } from '#test/support/quantile.js';
import { OVERLOAD } from './fixtures/paths.js';

/** Requests a second that one worker can serve, at 5 ms of CPU each. */
const CAPACITY = 200;
const ROUNDS = 5;
const CALMEST = 3;
const FLOOR_MS = 20;
/** Of the whole flood, and without its first second. */
const MOST_LATENCY = { uws: [5, 5], node: [10, 5] }[CORE] as [number, number];
/** A rejection costs the node core some 65 us of CPU, and 1,800 of them come in a second. */
const LEAST_GOODPUT = { uws: 0.9, node: 0.8 }[CORE];
/** A rejection is delayed by 100 ms; two turns of the event loop before and after it are allowed. */
const REFUSED_MS = 250;
const HEALTH_MS = 500;
const [UNLOADED_MS, PEAK_MS, FLOOD_MS] = [4_000, 4_000, 20_000];
const PROBE_EVERY_MS = 100;

interface Round {
  /** 99th percentiles before and after the flood, milliseconds. */
  readonly before: number;
  readonly after: number;
  /**
   * 99th percentiles of the served requests of the whole flood, and without its first second, milliseconds.
   */
  readonly admitted: number;
  readonly settled: number;
  /** Responses per second, at the peak and in the flood. */
  readonly peak: number;
  readonly goodput: number;
  readonly refused: number;
  readonly health: number;
}

const p99 = (responses: readonly Answered[]): number =>
  quantile(
    responses.map(({ latencyMs }) => latencyMs),
    0.99,
  );
const median = (values: readonly number[]): number => quantile(values, 0.5);
const unrest = ({ before, after }: Round): number => Math.max(before, after) / Math.min(before, after);
const isServed = ({ status }: Answered): boolean => status === 200;

describe('a process under overload, the long form', () => {
  let cluster: Cluster;
  afterEach(() => cluster.dispose());

  const start = async (workers: number): Promise<void> => {
    cluster = await startCluster({ config: OVERLOAD, env: { WORKERS: String(workers) } });
  };

  const load = async (path: string, perSecond: number, forMs: number): Promise<readonly Answered[]> =>
    (await evenLoad({ url: cluster.url, path, perSecond, forMs, connections: 1_000 })).responses;

  for (const path of ['/bimodal', '/lognormal']) {
    it(`rejects none of 1,000 requests a second that only wait: ${path}`, async () => {
      await start(2);
      const responses = await load(path, 1_000, 30_000);
      expect(responses.filter((response) => !isServed(response))).to.deep.equal([]);
    });
  }

  async function healthBeside(work: Promise<unknown>): Promise<number> {
    const state = { isOver: false };
    void work.finally(() => {
      state.isOver = true;
    });
    let longest = 0;
    while (!state.isOver) {
      const started = performance.now();
      const { status } = await get(`${cluster.url}/health`);
      expect(status).to.equal(200);
      longest = Math.max(longest, performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
    }
    return longest;
  }

  async function round(path: string): Promise<Round> {
    const unloaded = await load(path, CAPACITY / 8, UNLOADED_MS);
    const peak = (await load(path, CAPACITY, PEAK_MS)).filter(isServed).length / (PEAK_MS / 1000);
    const flooding = load(path, 10 * CAPACITY, FLOOD_MS);
    const health = await healthBeside(flooding);
    const flood = await flooding;
    const begin = flood.reduce((least, { at, latencyMs }) => Math.min(least, at - latencyMs), Infinity);
    const served = flood.filter(isServed);
    const refused = flood.filter((response) => !isServed(response));
    expect([...new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))]).to.deep.equal([
      '503 1',
    ]);
    return {
      before: p99(unloaded),
      after: p99(await load(path, CAPACITY / 8, UNLOADED_MS)),
      admitted: p99(served),
      settled: p99(served.filter(({ at }) => at - begin >= 1_000)),
      peak,
      goodput: served.length / (FLOOD_MS / 1000),
      refused: p99(refused),
      health,
    };
  }

  for (const path of ['/before', '/after', '/split']) {
    it(`keeps goodput and latency at ten times the capacity: ${path}`, async () => {
      await start(1);
      const rounds: Round[] = [];
      while (rounds.length < ROUNDS) rounds.push(await round(path));
      for (const one of rounds) {
        const figures = Object.entries(one).map(([name, value]) => `${name} ${(value as number).toFixed(0)}`);
        console.log(`      ${figures.join(', ')}`);
      }
      const calm = rounds.toSorted((a, b) => unrest(a) - unrest(b)).slice(0, CALMEST);
      const ratioOf = (of: (one: Round) => number): number =>
        median(calm.map((one) => of(one) / Math.max(FLOOR_MS, (one.before + one.after) / 2)));
      const whole = ratioOf(({ admitted }) => admitted);
      const settled = ratioOf((one) => one.settled);
      const goodput = median(calm.map(({ peak, goodput: got }) => got / peak));
      const refused = median(calm.map((one) => one.refused));
      const health = median(calm.map((one) => one.health));
      console.log(
        `      p99 ${whole.toFixed(2)} times the unloaded, ${settled.toFixed(2)} behind the first second, goodput ` +
          `${(100 * goodput).toFixed(0)} % of the peak, refusals ${refused.toFixed(0)} ms, health ${health.toFixed(0)} ms`,
      );
      expect(whole).to.be.at.most(MOST_LATENCY[0]);
      expect(settled).to.be.at.most(MOST_LATENCY[1]);
      expect(goodput).to.be.at.least(LEAST_GOODPUT);
      expect(refused).to.be.at.most(REFUSED_MS);
      expect(health).to.be.below(HEALTH_MS);
    }).timeout(900_000);
  }
});
