// What a process leaves behind in the registry of another one, in virtual time.
import { expect } from 'chai';
import { Cluster } from '#test/simulation/membership/cluster.js';
import { PRIMARY } from '#test/simulation/membership/member.js';

const SECOND = 1_000;

describe('a registry in another process, after its connections were lost', () => {
  it('shows an instance as healthy that has ceased to drain meanwhile', async () => {
    const cluster = new Cluster({ seed: 1, kind: PRIMARY, processes: 2, instances: 1 });
    const { time, network, places } = cluster;
    await time.runUntil(5 * SECOND);
    const { registry } = places[0]!;
    registry.setLocalState('orders', 'draining');
    await time.runUntil(6 * SECOND);
    expect([...places[1]!.seen.values()].toSorted()).to.deep.equal(['draining', 'healthy']);
    network.breakStreams();
    // The process has heard of it, and has no other connection yet.
    await time.runUntil(time.now + 3);
    registry.setLocalState('orders', 'healthy');
    await time.runUntil(10 * SECOND);
    expect(cluster.missing()).to.equal(undefined);
  });

  it('loses an instance that was removed meanwhile', async () => {
    const cluster = new Cluster({ seed: 1, kind: PRIMARY, processes: 1, instances: 1 });
    const { time, network, places, server } = cluster;
    const { registry } = places[0]!;
    const body = { host: '10.0.0.9', port: 80, ttlSeconds: 60 };
    await registry.put('carts', 'x', body, { mayShadowLocal: false });
    await time.runUntil(5 * SECOND);
    expect(server.has('carts', 'x')).to.equal(true);
    network.breakStreams();
    await time.runUntil(time.now + 3);
    registry.remove('carts', 'x');
    await time.runUntil(7 * SECOND);
    expect(server.has('carts', 'x')).to.equal(false);
  });
});
