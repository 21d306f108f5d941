import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import type { LogLine } from '#test/support/cluster.js';
import { deafClient } from '#test/support/deaf-client.js';
import { allServing, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { HAZARDS } from './fixtures/paths.js';

describe('a listener of ctx.signal', () => {
  const cluster = useCluster({ config: HAZARDS });

  const failuresOf = (route: string): LogLine[] =>
    cluster.logs().filter((line) => line.msg === 'an abort listener failed' && line.route === route);

  for (const [what, route] of [
    ['the client leaves', '/listener/left'],
    ['the time of the request is over', '/listener/late'],
  ] as const) {
    it(`may throw when ${what}: the error is logged, and nothing else fails`, async () => {
      const { port } = new URL(cluster.url);
      const client = await deafClient(Number(port), `GET ${route} HTTP/1.1\r\nHost: test\r\n\r\n`);
      await until(
        async () => json<{ inFlight: number }[]>(await get(`${cluster.adminUrl}/workers`)),
        (workers) => workers.some(({ inFlight }) => inFlight > 0),
      );
      if (route === '/listener/left') client.destroy();
      const failures = await until(
        () => failuresOf(route),
        (lines) => lines.length === 2,
      );
      const messages = failures.map(({ err }) => (err as { message: string }).message);
      expect(messages).to.deep.equal(['thrown by a listener', 'thrown by another']);
      const line = cluster.logs().find(({ listener }) => listener === route);
      expect(line, 'it runs in the scope of its request').to.have.property('trace_id');
      expect(cluster.logs().some(({ msg }) => msg === 'the last listener')).to.equal(true);
      const workers = (await workersOf(cluster)).map(({ id, generation, state }) => ({
        id,
        generation,
        state,
      }));
      expect(workers).to.deep.equal(allServing(1));
      client.destroy();
    });
  }

  it('does not hide an error that is thrown later, outside of it', async () => {
    await get(`${cluster.url}/uncaught`);
    await until(
      () => workersOf(cluster),
      (list) => list.some(({ generation }) => generation === 2),
    );
    expect(cluster.logs().some(({ reason }) => reason === 'uncaught-exception')).to.equal(true);
  });
});
