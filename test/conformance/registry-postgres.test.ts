// What only a registry in PostgreSQL can meet: locks of others, and what any role may notify.
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { RegistryProcess } from './registry-process.js';
import { type PostgresServer, postgresRegistry } from './registry-servers.js';

describe('a registry in PostgreSQL with other clients', () => {
  let server: PostgresServer;
  const processes: RegistryProcess[] = [];
  const join = (owner: string): RegistryProcess => {
    const process = new RegistryProcess(owner, server.backend(owner, false));
    processes.push(process);
    return process;
  };
  before(async () => {
    server = await postgresRegistry();
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.sync.close()));
    await server.clear();
  });
  after(() => server?.close());

  it('sets a row aside that one of them has locked, and keeps no others waiting', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x');
    await b.sees(['x healthy'], 'carts');
    const release = await server.lock('carts', 'x');
    try {
      await a.put('x', { weight: 2 });
      await a.put('y');
      await b.sees(['x healthy', 'y healthy'], 'carts');
      await until(
        () => a.rejected,
        (rejected) => rejected === 1,
      );
      expect(a.sync.isAvailable).to.equal(true);
    } finally {
      await release();
    }
    await a.put('x', { weight: 3 });
    await until(
      () => b.registry.instances('carts').map(({ weight }) => weight),
      (weights) => weights.includes(3),
    );
  });

  it('shows what others announce to a role that may only read, and tells that it announces nothing', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x');
    await b.sees(['x healthy'], 'carts');
    const reader = new RegistryProcess('reader', await server.reader(), 1);
    processes.push(reader);
    await reader.sees(['x healthy'], 'carts');
    await until(
      () => reader.lines,
      ({ length }) => length > 0,
    );
    a.registry.remove('carts', 'x');
    await reader.sees([], 'carts');
    expect(reader.sync.isAvailable).to.equal(true);
    expect(reader.lines).to.have.length(1);
    expect(reader.lines[0]).to.have.property('reason').that.includes('permission denied');
    expect(a.view()).to.deep.equal([]);
  });

  it('lists everything once when more is notified than there can be', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x');
    await b.sees(['x healthy'], 'carts');
    await server.run(
      `SELECT count(pg_notify('multilane_registry', '1 orders ' || md5(n::text))) FROM generate_series(1, 30000) n`,
    );
    await a.put('y');
    await b.sees(['x healthy', 'y healthy'], 'carts');
    for (const one of [a, b]) expect(one.lines).to.deep.equal([]);
  });
});
