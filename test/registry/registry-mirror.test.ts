// Instances of other processes in the registry of this one, and who may change them.
import { expect } from 'chai';
import { deferred } from '#test/db/fixtures/deferred.js';
import { codeOf, instance, OF_CLIENT, OF_PROCESS, REMOTE, setUp } from './registry-kit.js';

describe('an instance of another process', () => {
  const put = { ...instance, state: 'healthy' };

  it('which that process serves itself cannot be changed from outside, and keeps others from its service', async () => {
    const { registry, ids } = setUp();
    await registry.mirror('orders', 'x', put, OF_PROCESS);
    for (const change of [
      () => registry.heartbeat('orders', 'x'),
      () => registry.drain('orders', 'x'),
      () => registry.remove('orders', 'x'),
      () => registry.put('orders', 'x', instance, { mayShadowLocal: true }),
      () => registry.put('orders', 'y', instance, REMOTE),
    ])
      expect(await codeOf(change)).to.equal('ADDRESS_NOT_ALLOWED');
    await registry.put('orders', 'y', instance, { mayShadowLocal: true });
    expect(ids()).to.deep.equal(['x', 'y']);
    registry.unmirror('orders', 'x');
    await registry.put('orders', 'z', instance, REMOTE);
    expect(ids()).to.deep.equal(['y', 'z']);
  });

  it('of a service that is mounted here is admitted when it serves it itself, or when all ask for tokens', async () => {
    const { registry, ids } = setUp();
    registry.registerLocal('orders', '127.0.0.1', 8080);
    const mirror = (id: string, rights: typeof OF_CLIENT) => () => registry.mirror('orders', id, put, rights);
    expect(await codeOf(mirror('a', OF_CLIENT))).to.equal('ADDRESS_NOT_ALLOWED');
    expect(await codeOf(mirror('b', OF_PROCESS))).to.equal(undefined);
    expect(await codeOf(mirror('c', { ...OF_CLIENT, mayShadowLocal: true }))).to.equal(undefined);
    expect(await codeOf(mirror('127.0.0.1:8080', OF_PROCESS))).to.equal('ADDRESS_NOT_ALLOWED');
    expect(ids()).to.deep.equal(['127.0.0.1:8080', 'b', 'c']);
  });

  it('may change hands between a client and a process', async () => {
    const { registry, put: putHere, ids } = setUp();
    await registry.mirror('orders', 'x', put, OF_CLIENT);
    await registry.mirror('orders', 'x', put, OF_PROCESS);
    expect(await codeOf(() => registry.heartbeat('orders', 'x'))).to.equal('ADDRESS_NOT_ALLOWED');
    await registry.mirror('orders', 'x', put, OF_CLIENT);
    registry.heartbeat('orders', 'x');
    await putHere('y');
    expect(ids()).to.deep.equal(['x', 'y']);
  });

  it('that is found again as it was does not count as later than what a client registers', async () => {
    const { registry, admission } = setUp();
    await registry.mirror('orders', 'x', put, OF_CLIENT);
    const resolved = deferred();
    admission.during = () => resolved.promise;
    const changing = registry.put('orders', 'x', { ...instance, port: 9090 }, REMOTE);
    await registry.mirror('orders', 'x', put, OF_CLIENT);
    resolved.resolve(undefined);
    await changing;
    expect(registry.instances('orders')[0]).to.include({ port: 9090 });
    expect(registry.mirrored()).to.deep.equal([]);
  });

  it('takes with it what waits of that process when it leaves, and not what a client registers here', async () => {
    const { registry, admission, ids } = setUp();
    const resolved = deferred();
    admission.during = () => resolved.promise;
    const all = [
      registry.mirror('orders', 'mirrored', put, OF_CLIENT),
      registry.put('orders', 'registered', instance, REMOTE),
    ];
    for (const id of ['mirrored', 'registered']) registry.unmirror('orders', id);
    resolved.resolve(undefined);
    await Promise.all(all);
    expect(ids()).to.deep.equal(['registered']);
  });
});
