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

  it('withdraws and removes other instances while one of them has locked a row, and that one later', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('own', { ttlSeconds: 3_600 });
    await b.put('theirs', { ttlSeconds: 3_600 });
    await a.sees(['own healthy', 'theirs healthy'], 'carts');
    const releases = [await server.lock('carts', 'own'), await server.lock('carts', 'theirs')];
    try {
      for (const id of ['own', 'theirs']) a.registry.remove('carts', id);
      await a.put('x');
      await b.put('y');
      await until(
        () => [a, b].map((one) => one.view('carts').filter((seen) => /^[xy]/.test(seen)).length),
        (counts) => counts.every((count) => count === 2),
      );
      expect(a.sync.isAvailable).to.equal(true);
      expect(a.lines.filter(({ msg }) => msg.includes('cannot be reached'))).to.deep.equal([]);
    } finally {
      for (const release of releases) await release();
    }
    await b.sees(['x healthy', 'y healthy'], 'carts');
  }).timeout(30_000);

  it('admits no row that is small on the disk and huge as text, also in a table that it finds', async () => {
    const table = 'multilane.multilane_registry_instance';
    const a = join('a');
    await a.put('x');
    const bound = 'multilane_registry_instance_body';
    const huge = `INSERT INTO ${table} VALUES ('carts', 'huge', 'x', jsonb_build_object('a', repeat('x', 800000)), NULL, 1)`;
    const refusalOf = (text: string): Promise<string> =>
      server.run(text).then(
        () => 'none',
        ({ message }: Error) => message,
      );
    await until(
      () => refusalOf(huge),
      (refusal) => refusal.includes(bound),
    );
    await server.run(`ALTER TABLE ${table} DROP CONSTRAINT ${bound}`);
    const b = join('b');
    await b.sees(['x healthy'], 'carts');
    expect(await refusalOf(huge)).to.include(bound);
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

  it('tells of a removal for as long as a process may keep the instance, and of 10,000 at most', async () => {
    const table = 'multilane.multilane_registry_instance';
    const [a, b] = [join('a'), join('b')];
    await a.put('x', { ttlSeconds: 300 });
    await b.sees(['x healthy'], 'carts');
    b.registry.remove('carts', 'x');
    await a.sees([], 'carts');
    const [mark] = await server.rows<{ seconds: number }>(
      `SELECT extract(epoch FROM expires_at - now())::int AS seconds FROM ${table} WHERE owner = ''`,
    );
    expect(mark!.seconds).to.be.within(300, 360);
    await server.run(`INSERT INTO ${table} (service, id, owner, body, expires_at, revision)
      SELECT 'carts', n::text, '', '{}', now() + interval '1 hour', nextval('multilane.multilane_registry_revision')
      FROM generate_series(1, 10000) n`);
    await until(
      () => server.rows<{ id: string }>(`SELECT id FROM ${table} WHERE owner = ''`),
      ({ length }) => length === 10_000,
    );
    expect(await server.rows(`SELECT FROM ${table} WHERE id = 'x'`)).to.deep.equal([]);
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
