import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import type { LogLine } from '#test/support/cluster.js';
import { rollOnce } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

interface Shown {
  readonly method: string;
  readonly route: string | null;
  readonly requestId: string | null;
  readonly status: number | null;
  readonly ageMs: number;
  readonly durationMs: number | null;
}

describe('the recent requests of a worker', () => {
  const cluster = useCluster({ config: HAZARDS });

  const dumps = (): LogLine[] =>
    cluster
      .logs()
      .filter(({ msg }) => /^recent requests of worker [12] \(flight record\)$/.test(String(msg)));
  const requestsOf = (line: LogLine | undefined): Shown[] => (line?.requests ?? []) as Shown[];
  const inFlight = async (): Promise<number> => {
    const list = await json<{ inFlight: number }[]>(await get(`${cluster.adminUrl}/workers`));
    return list.reduce((sum, worker) => sum + worker.inFlight, 0);
  };
  const threadOf = async (wire: Wire): Promise<unknown> =>
    (JSON.parse(String((await wire.request('GET', '/thread'))?.body)) as { thread: unknown }).thread;
  /** Opens two connections to one worker. */
  const pair = async (): Promise<[Wire, Wire]> => {
    const first = await Wire.open(cluster.url);
    const thread = await threadOf(first);
    for (;;) {
      const second = await Wire.open(cluster.url);
      if ((await threadOf(second)) === thread) return [first, second];
      second.destroy();
    }
  };

  it('are not logged when it ends in order', async function () {
    this.timeout(25_000);
    await (await get(`${cluster.url}/thread`)).arrayBuffer();
    await rollOnce(cluster);
    expect(dumps()).to.deep.equal([]);
  });

  it('are logged when it crashes: those in flight first, by route, without data of clients', async () => {
    const [hanging, crashing] = await pair();
    void hanging.request('GET', '/hang?token=hush');
    await until(inFlight, (count) => count === 1);
    await crashing.request('GET', '/no/such/hush');
    await crashing.request('GET', '/throw');
    await crashing.request('GET', '/uncaught');

    const [line] = await until(dumps, (lines) => lines.length > 0);
    expect(line).to.include({ level: 40, generation: 2, reason: 'uncaught-exception', inFlight: 1 });
    expect(line?.worker).to.be.oneOf([1, 2]);
    const [first, ...others] = requestsOf(line);
    expect(first).to.include({ method: 'GET', route: '/hang', status: null, durationMs: null });
    expect(first?.requestId).to.match(/^[0-9a-f]{12}-[0-9a-v]+$/);
    const shown = others.map(({ method, route, status }) => ({ method, route, status }));
    expect(shown).to.deep.include({ method: 'GET', route: '/uncaught', status: 200 });
    expect(shown).to.deep.include({ method: 'GET', route: '/throw', status: 500 });
    expect(shown).to.deep.include({ method: 'GET', route: null, status: 404 });
    for (const { ageMs, durationMs } of others)
      expect(durationMs)
        .to.be.a('number')
        .at.most(ageMs + 1);
    expect(JSON.stringify(line)).to.not.contain('hush');
    for (const wire of [hanging, crashing]) wire.destroy();
  });
});
