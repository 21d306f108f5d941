// What holds for the registry of another process alone, beside registry-backends.test.ts.
import { expect } from 'chai';
import { UnavailableError } from '#src/errors.js';
import { ownerOf } from '#src/registry/process-owner.js';
import { until } from '#test/support/until.js';
import { RegistryProcess } from './registry-process.js';
import { type PrimaryRegistry, primaryRegistry, SECRET } from './registry-servers.js';

describe('the registry of another process', () => {
  let server: PrimaryRegistry;
  let refused: string | undefined;
  const processes: RegistryProcess[] = [];
  const join = (owner: string, port?: number): RegistryProcess => {
    const process = new RegistryProcess(owner, server.backend(owner, false), port);
    processes.push(process);
    return process;
  };
  const countAtHub = (count: number): Promise<number> =>
    until(
      () => server.hub.instances('carts').length,
      (length) => length === count,
    );

  beforeEach(async () => {
    refused = undefined;
    server = await primaryRegistry((host) => {
      if (host === refused) throw new UnavailableError('OVERLOADED', 'The name is not resolved yet.');
    });
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.sync.close()));
    await server.close();
  });

  it('keeps nothing else out because of an instance that it cannot admit now, and admits it later', async () => {
    refused = 'a.internal';
    const [a, b] = [join('a', 1), join('b')];
    await a.put('first', { host: refused });
    await a.put('second');
    await b.sees(['second healthy'], 'carts');
    await b.sees(['10.0.0.1:1 healthy']);
    await until(
      () => a.lines,
      ({ length }) => length > 0,
    );
    expect(a.lines[0]).to.deep.include({ id: 'first', reason: 'The name is not resolved yet.' });
    expect(a.sync.isAvailable).to.equal(true);
    refused = undefined;
    await b.sees(['first healthy', 'second healthy'], 'carts');
  });

  it('has an instance itself when its client renews or drains it there', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x', { ttlSeconds: 3_600 });
    await a.put('y');
    await b.sees(['x healthy', 'y healthy'], 'carts');
    server.hub.heartbeat('carts', 'x');
    server.hub.drain('carts', 'y');
    await Promise.all([a, b].map((one) => one.sees(['x healthy', 'y draining'], 'carts')));
    await until(
      () => a.registry.mirrored().length,
      (mirrored) => mirrored === 2,
    );
    await a.sync.close();
    expect(server.hub.instances('carts').map(({ id, owner }) => [id, owner])).to.deep.equal([
      ['x', null],
      ['y', null],
    ]);
  });

  it('admits a process that is not trusted to a service when those before it have left', async () => {
    const a = join('a', 1);
    const stranger = new RegistryProcess('stranger', server.backend('stranger', false, 'another secret'), 2);
    processes.push(stranger);
    const b = join('b');
    await b.sees(['10.0.0.1:1 healthy']);
    await until(
      () => stranger.rejected,
      (rejected) => rejected === 1,
    );
    await b.sees(['10.0.0.1:1 healthy']);
    await a.sync.close();
    await b.sees(['10.0.0.1:2 healthy']);
  });

  it('has an instance at the process at which its client drains it', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x', { ttlSeconds: 3_600 });
    await b.sees(['x healthy'], 'carts');
    b.registry.drain('carts', 'x');
    await a.sees(['x draining'], 'carts');
    expect(server.hub.instances('carts')[0]).to.include({ owner: ownerOf(SECRET, 'b'), state: 'draining' });
  });

  it('is asked few times, whatever the number of services and instances is', async () => {
    const { hub, requests } = server;
    for (let n = 0; n < 1_000; n += 1)
      await hub.put(`s${n}`, 'i', { host: '10.0.0.2', port: 1 }, { mayShadowLocal: false });
    const a = join('a', 1);
    await a.sees(['i healthy'], 's999');
    for (let n = 0; n < 1_000; n += 1) await a.put(`x${n}`);
    await countAtHub(1_000);
    for (let n = 0; n < 1_000; n += 1) a.registry.remove('carts', `x${n}`);
    await countAtHub(0);
    expect(requests.filter((path) => path.includes('/instances?'))).to.have.length(2);
    expect(requests.length).to.be.below(50);
  });

  it('keeps what was registered anew after its removal was ordered', async () => {
    const [a, b] = [join('a'), join('b')];
    await b.put('x');
    await a.sees(['x healthy'], 'carts');
    const [first] = server.hub.instances('carts');
    await b.put('x', { port: 81 });
    await until(
      () => server.hub.instances('carts')[0]?.port,
      (port) => port === 81,
    );
    const { processes: announced } = server.hub;
    const { serial, registrationId } = first!;
    announced.remove(ownerOf(SECRET, 'a'), 'carts', 'x', {
      serial,
      registrationIds: [registrationId!],
      ttlSeconds: 30,
      reach: 'own',
    });
    expect(server.hub.instances('carts')).to.have.length(1);
    await a.sees(['x healthy'], 'carts');
    a.registry.remove('carts', 'x');
    await b.sees([], 'carts');
  });

  it('has an instance again that expired there while its process was paused', async () => {
    const [a, b] = [join('a', 1), join('b')];
    await a.put('x', { ttlSeconds: 3_600 });
    await b.sees(['x healthy'], 'carts');
    const expired: string[] = [];
    server.hub.changes.listen(({ change }) => {
      if (change.type === 'delete' && change.isExpired) expired.push(change.id);
    });
    // The next renewal is too late.
    server.hub.processes.renew(ownerOf(SECRET, 'a'), 0.01, () => true);
    await until(
      () => expired.length,
      (length) => length === 2,
    );
    await Promise.all([b.sees(['10.0.0.1:1 healthy']), b.sees(['x healthy'], 'carts')]);
    await countAtHub(1);
    expect(a.registry.mirrored()).to.deep.equal([]);
  });
});
