import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { useCluster } from '#test/support/use-cluster.js';
import { get, json } from '../support/client.js';
import { type Answered, evenLoad } from '../support/even-load.js';
import { OVERLOAD } from './fixtures/paths.js';

const WORKERS = 2;
/** Requests a second that the workers can serve, at 5 ms each. */
const CAPACITY = WORKERS * 200;

interface Limits {
  readonly concurrency: {
    readonly adaptive: boolean;
    readonly workers: readonly { readonly shedding: boolean; readonly inFlight: number }[];
    readonly shed: Readonly<Record<string, number>>;
  };
}

const split = (responses: readonly Answered[]) => ({
  admitted: responses.filter(({ status }) => status === 200),
  refused: responses.filter(({ status }) => status !== 200),
});

describe('a process under overload', () => {
  const cluster = useCluster({ config: OVERLOAD, env: { WORKERS: String(WORKERS) } });

  const load = async (path: string, perSecond: number, forMs: number) => {
    const { responses } = await evenLoad({ url: cluster.url, path, perSecond, forMs, connections: 600 });
    return split(responses);
  };
  const limits = async (): Promise<Limits['concurrency']> =>
    (await json<Limits>(await get(`${cluster.adminUrl}/limits`))).concurrency;

  for (const path of ['/bimodal', '/lognormal']) {
    it(`rejects no request of a load that only waits, however the waits are distributed: ${path}`, async () => {
      const { admitted, refused } = await load(path, 1_000, 2_500);
      expect(refused).to.deep.equal([]);
      expect(admitted.length).to.be.above(600);
    });
  }

  for (const path of ['/before', '/after']) {
    it(`rejects requests at ten times the capacity, and serves those of high priority: ${path}`, async () => {
      const unloaded = await load(path, CAPACITY / 8, 1_000);
      expect(unloaded.refused).to.deep.equal([]);
      const peak = await load(path, CAPACITY, 1_000);
      const statuses: number[] = [];
      let wasShedding = false;
      let isOver = false;
      const urgent = (async () => {
        while (!isOver) {
          for (const other of ['/health', '/urgent']) statuses.push((await get(cluster.url + other)).status);
          wasShedding ||= (await limits()).workers.some(({ shedding }) => shedding);
          await delay(100);
        }
      })();
      // The overload is detected in the first second.
      await load(path, 10 * CAPACITY, 1_000);
      const before = (await limits()).shed.queue!;
      const { admitted, refused } = await load(path, 10 * CAPACITY, 2_000);
      const { shed } = await limits();
      isOver = true;
      await urgent;

      expect([...new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))]).to.deep.equal([
        '503 1',
      ]);
      // overload.long.ts checks goodput and latency on an idle machine; here other
      // tests share it.
      expect(admitted.length).to.be.above(peak.admitted.length / 10);
      expect(shed.queue! - before).to.equal(refused.length);
      expect(wasShedding).to.equal(true);
      expect(statuses.length).to.be.above(3);
      expect([...new Set(statuses)]).to.deep.equal([200]);
    });

    it(`rejects no request when the overload is over: ${path}`, async () => {
      await load(path, CAPACITY / 8, 2_000);
      const { refused } = await load(path, CAPACITY / 8, 1_000);
      expect(refused).to.deep.equal([]);
      const { workers } = await limits();
      expect(workers.map(({ shedding }) => shedding)).to.deep.equal([false, false]);
    });
  }
});

describe('ADAPTIVE_LIMIT=off', () => {
  const env = { WORKERS: '1', ADAPTIVE_LIMIT: 'off', MAX_IN_FLIGHT: '20' };
  const cluster = useCluster({ config: OVERLOAD, env });

  it('leaves MAX_IN_FLIGHT as the only bound, which is exact', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => (await get(`${cluster.url}/hang`)).status),
    );
    expect(statuses.filter((status) => status === 200)).to.have.length(20);
    expect(statuses.filter((status) => status === 503)).to.have.length(40);
    const { adaptive, shed } = (await json<Limits>(await get(`${cluster.adminUrl}/limits`))).concurrency;
    expect(adaptive).to.equal(false);
    expect(shed).to.include({ max_in_flight: 40, queue: 0 });
  });
});
