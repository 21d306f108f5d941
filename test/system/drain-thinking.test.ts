// Clients that pause between two requests, across a drain: the worker keeps their connections, and the
// response to the next request has `Connection: close`.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { type Cluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { SHARDINGS } from '#test/support/core.js';
import { type DelayingProxy, delayingProxy } from '#test/support/delaying-proxy.js';
import { newSeed } from '#test/support/random.js';
import { reload, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { LINGERING } from './fixtures/paths.js';

/** Pauses without any request, in turn; each ends with requests on this many idle connections. */
const PAUSES_MS = [0, 100, 500, 1_000, 1_500, 2_500];
const REQUESTS = 20;
/** The time between the first and the last of these requests, beside the delay of the proxy. */
const SPREAD_MS = 30;
/** Longer than all pauses and requests together, on a busy machine as well. */
const DRAIN_MS = 60_000;

type Begin = (cluster: Cluster) => unknown;

const DRAINS: readonly (readonly [string, Begin])[] = [
  ['SIGTERM', (cluster) => cluster.signal('SIGTERM')],
  [
    'a rolling replacement',
    async (cluster) => {
      expect((await reload(cluster)).status).to.equal(202);
      await until(
        () => workersOf(cluster),
        (list) => list.some(({ state }) => state === 'draining'),
      );
    },
  ],
];

/** The responses on connections that were idle for each length of time. */
interface Answered {
  readonly pauseMs: number;
  readonly statuses: readonly (number | string)[];
  readonly closes: readonly (boolean | undefined)[];
}

async function ask(proxy: DelayingProxy, cluster: Cluster, begin: Begin): Promise<Answered[]> {
  const wires = await Promise.all(
    Array.from({ length: PAUSES_MS.length * REQUESTS }, () => Wire.open(proxy.url, cluster.ca)),
  );
  const first = await Promise.all(wires.map((wire) => wire.request('GET', '/thread')));
  expect(first.every((response) => response?.status === 200)).to.equal(true);
  await begin(cluster);
  const seen: Answered[] = [];
  for (const pauseMs of PAUSES_MS) {
    await sleep(pauseMs);
    const responses = await Promise.all(
      wires.splice(0, REQUESTS).map(async (wire, number) => {
        await sleep((number * SPREAD_MS) / REQUESTS);
        return wire.request('POST', '/orders', ['Content-Type: application/json'], `[${number}]`);
      }),
    );
    seen.push({
      pauseMs,
      statuses: responses.map((response) => response?.status ?? 'no response'),
      closes: responses.map((response) => response?.closes),
    });
  }
  return seen;
}

for (const [sharding, withTls] of [
  [SHARDINGS[0], false],
  ['reuseport', true],
] as const) {
  describe(`idle connections in a drain, SHARDING=${sharding} ${withTls ? 'over TLS' : 'without TLS'}`, function () {
    this.timeout(90_000);
    const seed = newSeed();
    const ends: (() => Promise<void>)[] = [];
    const runs = new Map<string, Promise<Answered[]>>();

    // A drain is little work and long waits, so the processes of the tests of a suite wait at the same
    // time.
    before(async function () {
      if (sharding === 'reuseport' && process.platform !== 'linux') this.skip();
      if (withTls) needsOpenssl(this);
      for (const [what, begin] of DRAINS) {
        const dataDir = newDataDir();
        const tls = withTls ? makeCertificate(dataDir, 'one') : undefined;
        // The first requests on all connections are the first work of the worker, which takes long on a busy
        // machine.
        const limits = { ADAPTIVE_LIMIT: 'off' };
        const env = { SHARDING: sharding, WORKERS: '1', DRAIN_MS: String(DRAIN_MS), ...limits };
        const cluster = await startCluster({ config: LINGERING, dataDir, tls, env });
        ends.unshift(() => cluster.dispose());
        const proxy = await delayingProxy(cluster.url, seed);
        ends.unshift(() => proxy.close());
        const run = ask(proxy, cluster, begin);
        run.catch(() => undefined); // awaited by its test
        runs.set(what, run);
      }
    });
    after(async () => {
      for (const end of ends) await end();
    });

    for (const [what] of DRAINS) {
      it(`get a response to a request after any pause of ${what} (seed ${seed})`, async () => {
        for (const { pauseMs, statuses, closes } of await runs.get(what)!) {
          expect(statuses, `after ${pauseMs} ms`).to.deep.equal(Array(REQUESTS).fill(200));
          if (pauseMs > 0) expect(closes, `after ${pauseMs} ms`).to.deep.equal(Array(REQUESTS).fill(true));
        }
      });
    }
  });
}
