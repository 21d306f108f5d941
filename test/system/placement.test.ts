import { expect } from 'chai';
import { SHARDINGS } from '#test/support/core.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

interface Placed {
  readonly wire: Wire;
  readonly thread: number;
}

describe('a worker with clearly more connections than the other', () => {
  before(function () {
    // Without an acceptor the kernel chooses the worker.
    if (!SHARDINGS.some((sharding) => sharding === 'acceptor')) this.skip();
  });
  const cluster = useCluster({ config: HAZARDS });

  const place = async (): Promise<Placed> => {
    const wire = await Wire.open(cluster.url);
    const response = await wire.request('GET', '/thread');
    return { wire, thread: (JSON.parse(response!.body.toString()) as { thread: number }).thread };
  };

  it('gets no new ones until it has its share again, and both workers stay in rotation', async function () {
    this.timeout(60_000);
    const placed: Placed[] = [];
    for (let n = 0; n < 80; n += 1) placed.push(await place());
    const crowded = placed[0]!.thread;
    const share = placed.filter(({ thread }) => thread === crowded);
    expect(share, 'by turns').to.have.length(40);
    const rest = placed.filter(({ thread }) => thread !== crowded);
    for (const { wire } of rest) wire.destroy();

    // The core closes idle connections after 10 s.
    const keeping = setInterval(() => {
      for (const { wire } of share) void wire.request('GET', '/thread');
    }, 3_000);
    const eight = await until(
      async () => {
        const batch = await Promise.all(Array.from({ length: 8 }, place));
        if (batch.some(({ thread }) => thread === crowded)) for (const { wire } of batch) wire.destroy();
        return batch;
      },
      (batch) => batch.every(({ thread }) => thread !== crowded),
    );
    expect(eight.every(({ thread }) => thread !== crowded)).to.equal(true);

    const fresh: Placed[] = [...eight];
    const isBack = await until(
      async () => {
        fresh.push(await place());
        return fresh.at(-1)!.thread === crowded;
      },
      (back) => back,
    );
    expect(isBack).to.equal(true);
    expect(fresh.length, 'it has come back when the other had about as many').to.be.within(20, 60);
    clearInterval(keeping);
    for (const { wire } of [...share, ...fresh]) wire.destroy();
  });
});
