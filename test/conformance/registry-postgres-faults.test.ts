// What a registry in PostgreSQL goes on with while a part of it does not work: rights, locks, lost tables, a
// clock that was set back, and more to remove than one statement can.
import { expect } from 'chai';
import { CREATE, MOST_EXPIRED, RENEW } from '#src/registry/backends/registry-sql.js';
import { until } from '#test/support/until.js';
import { RegistryProcess } from './registry-process.js';
import { type PostgresServer, postgresRegistry } from './registry-servers.js';

const TABLE = 'multilane.multilane_registry_instance';
const OWNERS = 'multilane.multilane_registry_owner';
const BODY = `'{"host":"10.0.0.3","port":80}'`;

describe('a registry in PostgreSQL of which a part does not work', () => {
  let server: PostgresServer;
  const processes: RegistryProcess[] = [];
  const joined = (process: RegistryProcess): RegistryProcess => {
    processes.push(process);
    return process;
  };
  const join = (owner: string) => joined(new RegistryProcess(owner, server.backend(owner, false)));
  const rowsOf = async (owner: string): Promise<number> =>
    (await server.rows(`SELECT FROM ${TABLE} WHERE owner = $1`, [owner])).length;
  /** Rows of a process that has ended. @param at of their expiry */
  const addRows = (count: number, owner: string, at: string): Promise<void> =>
    server.run(
      `INSERT INTO ${TABLE} (service, id, owner, body, expires_at, revision)
        SELECT 'carts', $2 || n, $2, ${BODY}, ${at}, nextval('multilane.multilane_registry_revision')
        FROM generate_series(1, $1::int) n`,
      [count, owner],
    );
  before(async () => {
    server = await postgresRegistry();
    await server.run(CREATE);
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.sync.close()));
    await server.clear();
  });
  after(() => server?.close());

  it('shows what others announce to a role whose transactions are read-only', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x');
    await b.sees(['x healthy'], 'carts');
    const backend = await server.reader('default_transaction_read_only = on');
    const reader = joined(new RegistryProcess('reader', backend, 1));
    await reader.sees(['x healthy'], 'carts');
    await a.put('y');
    await reader.sees(['x healthy', 'y healthy'], 'carts');
    expect(reader.sync.isAvailable).to.equal(true);
    expect(reader.lines[0]).to.have.property('reason').that.includes('read-only transaction');
  });

  it('is read while the renewals of a process do not succeed, and gets its instances again', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x');
    await b.sees(['x healthy'], 'carts');
    const release = await server.lockOwner('a');
    try {
      await until(
        () =>
          server.rows(`SELECT FROM ${OWNERS} WHERE owner = 'a' AND expires_at < now() - interval '1 second'`),
        ({ length }) => length === 1,
      );
      await server.expire();
      await b.put('y');
      for (const one of [a, b]) await one.sees(['x healthy', 'y healthy'], 'carts');
      expect(a.lines).to.deep.equal([]);
    } finally {
      await release();
    }
  });

  it('is made again when one of its tables is lost', async () => {
    const [a, b] = [join('a'), join('b')];
    await a.put('x');
    await b.sees(['x healthy'], 'carts');
    await server.run(`DROP TABLE ${TABLE}`);
    await b.put('y');
    for (const one of [a, b]) await one.sees(['x healthy', 'y healthy'], 'carts');
    expect(
      await until(
        () => rowsOf('a'),
        (count) => count === 1,
      ),
    ).to.equal(1);
  });

  it('loses what has ended also when the clock of the server was set back', async () => {
    const a = join('a');
    await a.put('x');
    await until(
      () => rowsOf('a'),
      (count) => count === 1,
    );
    await server.run(`INSERT INTO ${OWNERS} VALUES ('dead', now() + interval '1 hour')`);
    await addRows(1, 'dead', `now() + interval '1 hour'`);
    await addRows(1, 'older', `now() + interval '1 hour'`);
    expect(
      await until(
        () => rowsOf('dead'),
        (count) => count === 0,
      ),
    ).to.equal(0);
    expect(
      await until(
        () => rowsOf('older'),
        (count) => count === 0,
      ),
    ).to.equal(0);
    await a.sees(['x healthy'], 'carts');
  });

  it('loses what has expired in parts, and then the rest', async () => {
    const a = join('a');
    await a.put('x');
    await until(
      () => rowsOf('a'),
      (count) => count === 1,
    );
    await a.sync.close();
    await addRows(3 * MOST_EXPIRED, 'dead', `now() - interval '1 second'`);
    const [renewed] = await server.rows<{ gone: string }>(RENEW, ['b', 0, true]);
    expect(Number(renewed!.gone)).to.equal(MOST_EXPIRED);
    expect(await rowsOf('dead')).to.equal(2 * MOST_EXPIRED);
    join('c');
    expect(
      await until(
        () => rowsOf('dead'),
        (count) => count === 0,
      ),
    ).to.equal(0);
  });
});
