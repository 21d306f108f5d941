// Many instances that are probed: how many probes are under way, and in which order.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { HealthProber, type Probe } from '#src/registry/health.js';
import { probeLimits } from '#src/registry/probe-lane.js';
import { httpProbe } from '#src/upstream/http-probe.js';
import { FakeTime } from '../upstream/endpoints.js';

/** Probes of port 0 run into their time-out, all others succeed at once. */
function setUp(spareFiles: number) {
  const time = new FakeTime();
  const counts = { underWay: 0, most: 0, delayed: 0 };
  const probedAt = new Map<string, number[]>();
  const probe: Probe = async ({ host, port }, signal) => {
    probedAt.set(host, [...(probedAt.get(host) ?? []), time.now]);
    counts.underWay++;
    counts.most = Math.max(counts.most, counts.underWay);
    if (port === 0) await once(signal, 'abort');
    counts.underWay--;
    return port !== 0;
  };
  const prober = new HealthProber({
    ...{ probe, schedule: time.schedule, clock: time.clock, random: () => 0.5, spareFiles },
    onDelayed: () => counts.delayed++,
  });
  const health = new Map<string, string>();
  const watch = (host: string, port: number) =>
    prober.watch({ address: '127.0.0.1', port, path: '/', host, metadata: {} }, (now) =>
      health.set(host, now),
    );
  return { time, counts, probedAt, health, watch };
}

describe('the probes of many instances', () => {
  it('are bounded by the files that are left, and never fewer than 32 at a time', () => {
    for (const [spare, most] of [
      [-500, 32],
      [0, 32],
      [100, 50],
      [400, 200],
      [Number.MAX_SAFE_INTEGER, 256],
    ] as const) {
      const { responsive, others } = probeLimits(spare);
      expect(responsive + others).to.equal(most);
      expect(responsive).to.be.within(16, 64);
    }
  });

  it('that wait for a time-out delay no instance that responds, and none of them is forgotten', async () => {
    const { time, counts, probedAt, health, watch } = setUp(0);
    for (let n = 0; n < 10; n++) watch(`well${n}`, 80);
    await time.pass(1_000);
    for (let n = 0; n < 200; n++) watch(`hanging${n}`, 0);
    await time.pass(120_000);
    for (let n = 0; n < 10; n++) {
      expect(health.get(`well${n}`)).to.equal('healthy');
      expect(probedAt.get(`well${n}`)!.slice(0, 4)).to.deep.equal([0, 5_000, 10_000, 15_000]);
    }
    for (let n = 0; n < 200; n++) expect(health.get(`hanging${n}`)).to.equal('unhealthy');
    expect(counts.most).to.be.at.most(32);
    expect(counts.delayed).to.be.greaterThan(100);
  });

  it('leave the order in which they wait when their instance is not watched any more', async () => {
    const { time, counts, probedAt, watch } = setUp(0);
    const stops = Array.from({ length: 60 }, (_, n) => watch(`hanging${n}`, 0));
    for (const stop of stops.slice(10)) stop();
    await time.pass(60_000);
    expect(probedAt.size).to.equal(16);
    expect(counts.underWay).to.be.at.most(10);
    for (const stop of stops) stop();
    await time.pass(10_000);
    expect(counts.underWay).to.equal(0);
    expect(time.pending).to.deep.equal([]);
  });

  it('leave no connection open', async () => {
    let open = 0;
    const server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
    server.keepAliveTimeout = 60_000;
    server.on('connection', (socket) => {
      open++;
      socket.on('close', () => open--);
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const probe = httpProbe();
    const target = { address: '127.0.0.1', port, path: '/', host: 'orders', metadata: {} };
    const all = Array.from({ length: 20 }, () => probe(target, new AbortController().signal));
    expect(new Set(await Promise.all(all))).to.deep.equal(new Set([true]));
    server.close();
    await once(server, 'close');
    expect(open).to.equal(0);
  });
});
