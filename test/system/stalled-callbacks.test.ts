import type { Socket } from 'node:net';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import type { Cluster, LogLine } from '#test/support/cluster.js';
import { deafClient } from '#test/support/deaf-client.js';
import { reload, type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { STALLED_CALLBACKS } from './fixtures/paths.js';

/**
 * These callbacks are critical: the core ends the process when V8 terminates code that has called the core.
 */
function withCluster(what: string, cases: (the: () => Cluster) => void): void {
  describe(`a callback that never returns, ${what},`, function () {
    this.timeout(30_000);
    const cluster = useCluster({
      config: STALLED_CALLBACKS,
      env: { STALL_MS: '300', DRAIN_MS: '500', STREAM_IDLE_MS: '1000' },
    });

    cases(() => cluster);

    it('leaves the process alive', async () => {
      const { code } = await cluster.stop();
      expect(code, cluster.stdout.slice(-12).join('\n')).to.equal(0);
    });
  });
}

const stallsOf = (cluster: Cluster, route: string): LogLine[] =>
  cluster
    .logs()
    .filter((line) => String(line.msg).startsWith('handler stalled, interrupted') && line.route === route);
const settled = (list: readonly WorkerView[]): boolean =>
  list.length === 2 && list.every(({ state }) => state === 'ready');

/** Resolves with the log entries of `count` interrupted callbacks when all workers serve again. */
async function interrupted(cluster: Cluster, route: string, count = 1): Promise<unknown[]> {
  const stalls = await until(
    () => stallsOf(cluster, route),
    (found) => found.length >= count,
    10_000,
  );
  expect(stalls, cluster.stderr.slice(1, 5).join('\n')).to.have.length.of.at.least(count);
  // An interrupted worker counts as ready for a moment, until it reports that it leaves.
  await until(
    () => cluster.logs().filter(({ msg }) => msg === 'worker leaves' || msg === 'worker ended'),
    (left) =>
      stalls.every(({ worker, generation }) =>
        left.some((one) => one.worker === worker && one.generation === generation),
      ),
  );
  await until(() => workersOf(cluster), settled);
  expect((await get(`${cluster.url}/ok`)).status).to.equal(200);
  return stalls.map(({ where }) => where);
}

const ask = (cluster: Cluster, path: string) =>
  deafClient(Number(new URL(cluster.url).port), `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
async function inFlightRequest(cluster: Cluster, path: string): Promise<Socket> {
  const client = await ask(cluster, path);
  await until(
    async () => json<{ inFlight: number }[]>(await get(`${cluster.adminUrl}/workers`)),
    (workers) => workers.some(({ inFlight }) => inFlight > 0),
  );
  return client;
}
async function reloaded(cluster: Cluster): Promise<void> {
  const response = await reload(cluster);
  expect(response.status).to.equal(202);
  await response.arrayBuffer();
}

for (const place of ['abort-listener', 'on-response', 'source-return', 'source-destroy'] as const) {
  withCluster(`in ${place}`, (the) => {
    it('fails its own request alone when the client leaves', async () => {
      const client = await inFlightRequest(the(), `/${place}/client`);
      client.destroy();
      expect(await interrupted(the(), `/${place}/client`)).to.include('continuation');
    });

    it('fails its own request alone when the client reads nothing and its connection is cut', async () => {
      const client = await ask(the(), `/${place}/idle`);
      expect(await interrupted(the(), `/${place}/idle`)).to.include('continuation');
      client.destroy();
    });

    it('fails its own request alone after a handler that does not return either', async () => {
      const client = await ask(the(), `/${place}/stall`);
      expect(await interrupted(the(), `/${place}/stall`, 2)).to.include.members(['request', 'continuation']);
      client.destroy();
    });

    it('is interrupted when its worker is drained, and all workers serve afterwards', async () => {
      const client = await inFlightRequest(the(), `/${place}/drain`);
      await reloaded(the());
      await interrupted(the(), `/${place}/drain`);
      client.destroy();
    });
  });
}

withCluster('at the deadline of its request', (the) => {
  for (const place of ['abort-listener', 'on-response'] as const) {
    it(`fails its own request alone in ${place}`, async () => {
      const client = await ask(the(), `/${place}/deadline`);
      expect(await interrupted(the(), `/${place}/deadline`)).to.include('continuation');
      client.destroy();
    });
  }
});

for (const ways of [
  ['close', 'terminate', 'close-late', 'throw', 'twice'],
  ['open', 'too-big', 'slow-reader', 'client', 'drain'],
]) {
  withCluster('in close of a WebSocket', (the) => {
    for (const way of ways) {
      it(`closes its own WebSocket alone, which ends by ${way}`, async () => {
        const client = await WebSocketClient.connect(`${the().url}/close/${way}`);
        if (way === 'client') client.destroy();
        else if (way === 'drain') await reloaded(the());
        else if (way === 'slow-reader') client.socket.pause();
        if (way !== 'client' && way !== 'drain') client.send(way === 'too-big' ? 'x'.repeat(1025) : 'go');
        await interrupted(the(), `/close/${way}`);
        client.destroy();
      });
    }
  });
}

withCluster('in another callback of a WebSocket', (the) => {
  it('closes its own WebSocket alone in the drain handler', async () => {
    const client = await WebSocketClient.connect(`${the().url}/drain`);
    client.socket.pause();
    client.send('go');
    client.socket.resume();
    await interrupted(the(), '/drain');
    client.destroy();
  });

  it('closes its own WebSocket alone in a loop over functions that call back', async () => {
    const client = await WebSocketClient.connect(`${the().url}/subscribing`);
    client.send('go');
    await interrupted(the(), '/subscribing');
    client.destroy();
  });
});
