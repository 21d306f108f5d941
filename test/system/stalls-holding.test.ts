import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { STALLED_HOLDERS } from './fixtures/paths.js';

describe('a handler that is interrupted while it holds a shared resource', () => {
  // The drain is so long that nothing is released because the worker has ended.
  const cluster = useCluster({ config: STALLED_HOLDERS, env: { STALL_MS: '300', DRAIN_MS: '30000' } });

  const status = async (wire: Wire, path: string): Promise<number | undefined> =>
    (await wire.request('GET', path))?.status;
  const threadOf = async (wire: Wire): Promise<number> =>
    (JSON.parse((await wire.request('GET', '/thread'))!.body.toString()) as { thread: number }).thread;
  /** Opens a connection to a worker for which `test` returns true. */
  const wireTo = async (test: (thread: number) => boolean): Promise<Wire> => {
    for (;;) {
      const wire = await Wire.open(cluster.url);
      if (test(await threadOf(wire))) return wire;
      wire.destroy();
    }
  };

  /** Opens connections to two workers, the first of which is kept from ending. */
  async function twoWorkers() {
    await until(
      () => workersOf(cluster),
      (list) => list.filter(({ state }) => state === 'ready').length === 2,
    );
    const victim = await wireTo(() => true);
    const thread = await threadOf(victim);
    const [other, slow] = [await wireTo((one) => one !== thread), await wireTo((one) => one === thread)];
    void slow.request('GET', '/slow').catch(() => undefined);
    const close = (): void => {
      for (const wire of [victim, other, slow]) wire.destroy();
    };
    return { victim, other, thread, close };
  }

  for (const how of ['at-once', 'await']) {
    for (const what of ['place', 'bounded']) {
      it(`releases a permit of a bulkhead: ${what}, ${how}`, async () => {
        const { victim, other, thread, close } = await twoWorkers();
        expect(await status(victim, `/${what}?loop=${thread}&how=${how}`)).to.equal(500);
        expect(await status(other, `/${what}`), 'on the other worker').to.equal(200);
        close();
      });
    }

    it(`releases a half-open probe: ${how}`, async () => {
      const { victim, other, thread, close } = await twoWorkers();
      for (let failures = 0; failures < 2; failures++) await get(`${cluster.url}/failing`);
      expect(await status(other, '/probe'), 'the breaker is open').to.equal(503);
      const probed = await until(
        () => status(victim, `/probe?loop=${thread}&how=${how}`),
        (response) => response !== 503,
      );
      expect(probed).to.equal(500);
      expect(await status(other, '/probe'), 'on the other worker').to.equal(200);
      close();
    });
  }

  it('leaves a shared call to the other requests that wait for it', async () => {
    const { victim, other, thread, close } = await twoWorkers();
    const path = `/flight?loop=${thread}`;
    // An idle connection keeps the worker from ending.
    const idle = await wireTo((one) => one === thread);
    const leader = status(victim, path);
    const follower = status(other, path);
    expect(await leader).to.equal(500);
    expect(await follower, 'on the other worker').to.equal(200);
    expect(await threadOf(idle), 'before the first worker has ended').to.equal(thread);
    close();
    idle.destroy();
  });
}).timeout(20_000);
