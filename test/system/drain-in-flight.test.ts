// Requests that arrive in parts, in one packet or from half-closed connections while the process drains.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { type Cluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { type DelayingProxy, delayingProxy } from '#test/support/delaying-proxy.js';
import { newSeed } from '#test/support/random.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { LINGERING } from './fixtures/paths.js';

const head = (line: string, ...fields: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: test', 'Content-Type: application/json', ...fields, '', ''].join('\r\n');
const GET = head('GET /thread');
/** Stands for the end of the client's side of the connection. */
const END = Symbol('end');

/**
 * Parts of requests: the first is sent before the drain, each other one half a second after the previous one.
 */
const REQUESTS: Readonly<
  Record<string, readonly [statuses: readonly (number | undefined)[], ...(string | typeof END)[]]>
> = {
  'a head in two parts': [[200], GET.slice(0, 20), GET.slice(20)],
  'a body in parts': [[200], head('POST /orders', 'Content-Length: 9'), '[1,2', ',3,4]'],
  'a body in chunks': [
    [200],
    `${head('POST /orders', 'Transfer-Encoding: chunked')}3\r\n[1,\r\n`,
    '2\r\n2]\r\n',
    '0\r\n\r\n',
  ],
  'a body after 100 Continue': [
    [100, 200],
    '',
    head('POST /orders', 'Content-Length: 3', 'Expect: 100-continue'),
    '[1]',
  ],
  'a body that does not end': [[504], head('POST /orders', 'Content-Length: 9'), '[1'],
  // The node core cannot see that more is in the packet when it announces the end with the first response.
  'two requests in one packet': [{ uws: [200, 200], node: [200, undefined] }[CORE], '', GET + GET],
  'the end of the client behind its request': [[200], '', GET, END],
};

for (const withTls of [false, true]) {
  describe(`requests that arrive in a drain, ${withTls ? 'over TLS' : 'without TLS'}`, function () {
    this.timeout(60_000);
    const seed = newSeed();
    let cluster: Cluster;
    let proxy: DelayingProxy;
    before(async function () {
      if (withTls) needsOpenssl(this);
      const dataDir = newDataDir();
      const tls = withTls ? makeCertificate(dataDir, 'one') : undefined;
      cluster = await startCluster({ config: LINGERING, dataDir, tls, env: { DRAIN_MS: '4000' } });
      proxy = await delayingProxy(cluster.url, seed);
    });
    after(async () => {
      await proxy?.close();
      await cluster?.dispose();
    });

    it(`each get a response that closes their connection (seed ${seed})`, async () => {
      const wires = new Map<string, Wire>();
      for (const name of Object.keys(REQUESTS)) wires.set(name, await Wire.open(proxy.url, cluster.ca));
      const exchange = async (name: string): Promise<unknown> => {
        const wire = wires.get(name)!;
        const [statuses, , ...parts] = REQUESTS[name]!;
        for (const part of parts) {
          await sleep(500);
          if (part === END) wire.end();
          else wire.write(part);
        }
        const seen: unknown[] = [];
        let closes = false;
        for (const _ of statuses) {
          const response = await wire.response();
          seen.push(response?.status);
          closes = response?.closes ?? closes;
        }
        return { name, statuses: seen, closes };
      };
      for (const [name, wire] of wires) wire.write(REQUESTS[name]![1] as string);
      cluster.signal('SIGTERM');
      await until(
        async () => (await fetch(`${cluster.adminUrl}/readyz`)).status,
        (status) => status === 503,
      );
      const seen = await Promise.all([...wires.keys()].map(exchange));
      expect(seen).to.deep.equal(
        Object.entries(REQUESTS).map(([name, [statuses]]) => ({ name, statuses, closes: true })),
      );
      expect(await cluster.exited).to.deep.equal({ code: 0, signal: null });
    });
  });
}
