import { expect } from 'chai';
import { instance, OF_CLIENT, setUp } from './registry-kit.js';

describe('the health of an instance', () => {
  it('is starting until the first result of the probes, and follows their results', async () => {
    const { put, watched, arrived, stateOf } = setUp();
    await put('i1', { healthCheckUrl: '/health', host: 'orders.internal' });
    expect(stateOf('i1')).to.equal('starting');
    expect(watched[0]!.target).to.deep.equal({
      address: '10.9.9.9',
      port: 8080,
      path: '/health',
      host: 'orders.internal',
      metadata: Object.create(null),
    });
    expect(arrived).to.deep.equal([]);
    watched[0]!.report('healthy');
    expect(stateOf('i1')).to.equal('healthy');
    watched[0]!.report('unhealthy');
    expect(stateOf('i1')).to.equal('unhealthy');
    expect(arrived).to.have.length(1);
  });

  it('is starting for workers until it has been healthy once, whatever the probes say', async () => {
    const { put, watched, stateOf, endpoints } = setUp();
    const seen = (): string[] => endpoints().map(({ state }) => state);
    await put('i1', { healthCheckUrl: '/a' });
    watched[0]!.report('unhealthy');
    expect(stateOf('i1')).to.equal('unhealthy');
    expect(seen()).to.deep.equal(['starting']);
    watched[0]!.report('healthy');
    watched[0]!.report('unhealthy');
    expect(seen()).to.deep.equal(['unhealthy']);
    await put('i1', { healthCheckUrl: '/a', weight: 2 });
    expect(seen()).to.deep.equal(['unhealthy']);
    await put('i1', { healthCheckUrl: '/b' });
    watched.at(-1)!.report('unhealthy');
    expect(seen()).to.deep.equal(['starting']);
    await put('i2');
    expect(seen()).to.deep.equal(['starting', 'healthy']);
  });

  it('is no longer probed when the instance is removed, expired or replaced', async () => {
    const { put, watched, registry, time } = setUp();
    await put('i1', { healthCheckUrl: '/a', ttlSeconds: 10 });
    await put('i1', { healthCheckUrl: '/b', ttlSeconds: 10 });
    await put('i2', { healthCheckUrl: '/c' });
    registry.remove('orders', 'i2');
    await time.pass(10_000);
    expect(watched.map(({ target, stopped }) => `${target.path} ${stopped}`)).to.deep.equal([
      '/a true',
      '/b true',
      '/c true',
    ]);
  });

  it('is kept when the same registration is repeated', async () => {
    const { put, watched, stateOf } = setUp();
    await put('i1', { healthCheckUrl: '/a' });
    watched[0]!.report('healthy');
    await put('i1', { healthCheckUrl: '/a' });
    expect(watched).to.have.length(1);
    expect(stateOf('i1')).to.equal('healthy');
  });

  it('is kept when the weight changes, and reset by another address or another health check', async () => {
    const { put, watched, stateOf } = setUp();
    await put('i1', { healthCheckUrl: '/a' });
    watched[0]!.report('healthy');
    await put('i1', { healthCheckUrl: '/a', weight: 2 });
    expect(stateOf('i1')).to.equal('healthy');
    watched[0]!.report('unhealthy');
    expect(stateOf('i1')).to.equal('unhealthy');
    await put('i1', { healthCheckUrl: '/b', weight: 2 });
    expect(stateOf('i1')).to.equal('starting');
    watched[1]!.report('healthy');
    await put('i1', { healthCheckUrl: '/b', weight: 2, port: 9090 });
    expect(stateOf('i1')).to.equal('starting');
  });

  it('is found out by the same probes, however often the rest of its registration changes', async () => {
    const { put, watched, stateOf } = setUp();
    const changed = async (load: number): Promise<void> => {
      await put('i1', { healthCheckUrl: '/a', weight: 1 + load, metadata: { load: String(load) } });
    };
    for (let load = 0; load < 5; load++) await changed(load);
    expect(watched.map(({ stopped }) => stopped)).to.deep.equal([false]);
    watched[0]!.report('healthy');
    await changed(7);
    expect(stateOf('i1')).to.equal('healthy');
    watched[0]!.report('unhealthy');
    await changed(8);
    expect(stateOf('i1')).to.equal('unhealthy');
  });

  it('is found out by other probes after a change of what they send', async () => {
    const { put, watched } = setUp();
    await put('i1', { healthCheckUrl: '/a', host: 'orders.internal' });
    await put('i1', { healthCheckUrl: '/a', host: '10.9.9.9' });
    await put('i1', { healthCheckUrl: '/a', host: '10.9.9.9', metadata: { scheme: 'https' } });
    expect(watched.map(({ stopped }) => stopped)).to.deep.equal([true, true, false]);
    expect(watched.at(-1)!.target.metadata.scheme).to.equal('https');
  });

  it('is probed anew when another process ends its drain', async () => {
    const { registry, watched } = setUp();
    const body = { ...instance, healthCheckUrl: '/health' };
    await registry.mirror('orders', 'x', { ...body, state: 'healthy' }, OF_CLIENT);
    watched[0]!.report('healthy');
    await registry.mirror('orders', 'x', { ...body, state: 'draining' }, OF_CLIENT);
    expect(registry.instances('orders')[0]?.state).to.equal('draining');
    await registry.mirror('orders', 'x', { ...body, state: 'healthy' }, OF_CLIENT);
    expect(registry.instances('orders')[0]?.state).to.equal('starting');
    expect(watched.map(({ stopped }) => stopped)).to.deep.equal([true, false]);
    watched[1]!.report('healthy');
    expect(registry.instances('orders')[0]?.state).to.equal('healthy');
  });
});
