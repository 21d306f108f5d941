// What becomes of a connection and of a request across a drain, by how a worker comes to drain.
import { expect } from 'chai';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { rollOnce } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { LINGERING } from './fixtures/paths.js';

const MANY = 50;

const DRAINS = [
  ['a rolling replacement', (cluster: Cluster) => rollOnce(cluster)],
  [
    'SIGTERM',
    async (cluster: Cluster) => {
      expect(await cluster.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    },
  ],
] as const;

const openWires = (cluster: Cluster, count: number): Promise<Wire[]> =>
  Promise.all(Array.from({ length: count }, () => Wire.open(cluster.url)));

/** Resolves when that many requests are in flight. */
const inHand = async (cluster: Cluster, count: number): Promise<void> => {
  const requests = async () => {
    const workers = (await (await fetch(`${cluster.adminUrl}/workers`)).json()) as { inFlight: number }[];
    return workers.reduce((sum, { inFlight }) => sum + inFlight, 0);
  };
  expect(await until(requests, (sum) => sum === count)).to.equal(count);
};

for (const [what, drain] of DRAINS) {
  describe(`across ${what}`, function () {
    this.timeout(60_000);
    let cluster: Cluster;
    const start = async (drainMs: number): Promise<void> => {
      cluster = await startCluster({ config: LINGERING, env: { DRAIN_MS: String(drainMs) } });
    };
    afterEach(() => cluster.dispose());

    it('an idle keep-alive connection is closed without a word, long before DRAIN_MS', async () => {
      await start(20_000);
      const wires = await openWires(cluster, 8);
      for (const wire of wires) expect((await wire.request('GET', '/thread'))?.status).to.equal(200);
      const began = performance.now();
      await drain(cluster);
      for (const wire of wires) {
        await wire.closed();
        expect(wire.rest).to.equal('');
      }
      expect(performance.now() - began).to.be.lessThan(20_000);
    });

    it('a handler that takes 3 s is finished, and the connection told to close', async () => {
      await start(20_000);
      const wires = await openWires(cluster, 8);
      const answers = wires.map((wire) => wire.request('GET', '/three-seconds'));
      await inHand(cluster, 8);
      await drain(cluster);
      const finished = await Promise.all(answers);
      for (const answer of finished) {
        expect(answer?.status).to.equal(200);
        expect(JSON.parse(answer!.body.toString())).to.deep.equal({ finished: true });
      }
      // Those of the second worker are finished before its turn comes.
      expect(finished.filter((answer) => answer?.closes)).to.have.length.of.at.least(4);
    });

    it('a handler that still runs at DRAIN_MS is answered 504, and told', async () => {
      await start(500);
      const wires = await openWires(cluster, MANY);
      const answers = wires.map((wire) => wire.request('GET', '/for-ever'));
      await inHand(cluster, MANY);
      await drain(cluster);
      for (const answer of await Promise.all(answers)) {
        expect(answer).to.include({ status: 504, closes: true });
        expect(JSON.parse(answer!.body.toString())).to.include({ code: 'DEADLINE_EXCEEDED' });
      }
      const told = cluster.logs().filter(({ msg }) => msg === 'a handler was told to stop');
      expect(told.map(({ code }) => code)).to.deep.equal(Array(MANY).fill('DEADLINE_EXCEEDED'));
    });

    it('a stream that still runs at DRAIN_MS is cut, so that nobody takes it for complete', async () => {
      await start(500);
      const wires = await openWires(cluster, 4);
      const cut = wires.map(async (wire) => {
        wire.write('GET /stream HTTP/1.1\r\nHost: test\r\n\r\n');
        await wire.closed();
      });
      await inHand(cluster, 4);
      await drain(cluster);
      await Promise.all(cut);
      for (const wire of wires) expect(wire.rest).to.include('more').and.not.include('\r\n0\r\n');
    });
  });
}
