// The fate of connections and requests in a drain, for each way in which a worker begins to drain.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { rollOnce } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { LINGERING } from './fixtures/paths.js';

const MANY = 50;
const JSON_TYPE = 'Content-Type: application/json';

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

/** The number of connections that drains have closed at DRAIN_MS, from the log. */
const leftOpen = (cluster: Cluster): number =>
  cluster
    .logs()
    .filter(({ msg }) => msg === 'connections were still open at the end of the drain; closing them')
    .reduce((sum, { connections }) => sum + Number(connections), 0);

/** Resolves when `count` requests are in flight. */
const untilInFlight = async (cluster: Cluster, count: number): Promise<void> => {
  const requests = async () => {
    const workers = (await (await fetch(`${cluster.adminUrl}/workers`)).json()) as { inFlight: number }[];
    return workers.reduce((sum, { inFlight }) => sum + inFlight, 0);
  };
  expect(await until(requests, (sum) => sum === count)).to.equal(count);
};

const lingering = (drainMs: number): Promise<Cluster> =>
  startCluster({ config: LINGERING, env: { DRAIN_MS: String(drainMs) } });

/** Returns the bytes that idle connections received in a drain, and how many of them its end has closed. */
async function idle(drain: (cluster: Cluster) => Promise<void>) {
  const cluster = await lingering(3_600_000);
  try {
    const wires = await openWires(cluster, 8);
    for (const wire of wires) expect((await wire.request('GET', '/thread'))?.status).to.equal(200);
    await drain(cluster);
    await Promise.all(wires.map((wire) => wire.closed()));
    return { received: wires.map(({ rest }) => rest).join(''), leftOpen: leftOpen(cluster) };
  } finally {
    await cluster.dispose();
  }
}

for (const [what, drain] of DRAINS) {
  describe(`a drain by ${what}`, function () {
    this.timeout(60_000);
    let cluster: Cluster;
    const start = async (drainMs: number): Promise<void> => {
      cluster = await lingering(drainMs);
    };
    afterEach(() => cluster?.dispose());

    // The core ends an idle connection after ten seconds. A process of its own waits for that while the
    // other tests run.
    let idled: ReturnType<typeof idle>;
    before(() => {
      idled = idle(drain);
      idled.catch(() => undefined); // awaited by its test
    });
    after(() => idled.catch(() => undefined));

    it('ends at once without any connection', async () => {
      await start(3_600_000);
      await drain(cluster);
    });

    it('closes and counts an idle keep-alive connection that is open at DRAIN_MS', async () => {
      await start(500);
      const wires = await openWires(cluster, 8);
      for (const wire of wires) expect((await wire.request('GET', '/thread'))?.status).to.equal(200);
      await drain(cluster);
      for (const wire of wires) await wire.closed();
      expect(leftOpen(cluster)).to.equal(8);
      if (what === 'SIGTERM') return;
      const metrics = await (await fetch(`${cluster.adminUrl}/metrics`)).text();
      expect(metrics).to.match(/^multilane_drain_connections_closed_total 8$/m);
    });

    it('gives every request a response, or counts its connection, also around DRAIN_MS', async () => {
      await start(1_000);
      const wires = await openWires(cluster, 200);
      for (const wire of wires) expect((await wire.request('GET', '/thread'))?.status).to.equal(200);
      const drained = drain(cluster);
      const responses = await Promise.all(
        wires.map(async (wire, number) => {
          await sleep(number * 10);
          return wire.ended ? 'closed before' : wire.request('POST', '/orders', [JSON_TYPE], '[1]');
        }),
      );
      await drained;
      const lost = responses.filter((response) => response === undefined).length;
      expect(lost).to.be.at.most(leftOpen(cluster));
      for (const response of responses)
        if (typeof response === 'object') expect(response.status).to.be.oneOf([200, 504]);
    });

    it('finishes a handler that takes 3 s, and closes its connection after the response', async () => {
      await start(20_000);
      const wires = await openWires(cluster, 8);
      const responses = wires.map(async (wire) => {
        const response = await wire.request('GET', '/three-seconds');
        // The response of the second worker may come before its turn, and its connection would delay the
        // drain.
        if (response?.closes === false) wire.destroy();
        return response;
      });
      await untilInFlight(cluster, 8);
      await drain(cluster);
      const finished = await Promise.all(responses);
      for (const response of finished) {
        expect(response?.status).to.equal(200);
        expect(JSON.parse(response!.body.toString())).to.deep.equal({ finished: true });
      }
      expect(finished.filter((response) => response?.closes)).to.have.length.of.at.least(4);
    });

    it('responds 504 for a handler that still runs at DRAIN_MS, and aborts its signal', async () => {
      await start(500);
      const wires = await openWires(cluster, MANY);
      const responses = wires.map((wire) => wire.request('GET', '/for-ever'));
      await untilInFlight(cluster, MANY);
      await drain(cluster);
      for (const response of await Promise.all(responses)) {
        expect(response).to.include({ status: 504, closes: true });
        expect(JSON.parse(response!.body.toString())).to.include({ code: 'DEADLINE_EXCEEDED' });
      }
      const stopped = cluster.logs().filter(({ msg }) => msg === 'a handler was aborted');
      expect(stopped.map(({ code }) => code)).to.deep.equal(Array(MANY).fill('DEADLINE_EXCEEDED'));
    });

    it('cuts a stream that still runs at DRAIN_MS, so that it does not look complete', async () => {
      await start(500);
      const wires = await openWires(cluster, 4);
      const cut = wires.map(async (wire) => {
        wire.write('GET /stream HTTP/1.1\r\nHost: test\r\n\r\n');
        await wire.closed();
      });
      await untilInFlight(cluster, 4);
      await drain(cluster);
      await Promise.all(cut);
      for (const wire of wires) expect(wire.rest).to.include('more').and.not.include('\r\n0\r\n');
    });

    it('leaves an idle keep-alive connection open until the core ends it, long before DRAIN_MS', async () => {
      expect(await idled).to.deep.equal({ received: '', leftOpen: 0 });
    });
  });
}
