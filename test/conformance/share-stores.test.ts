// What holds for every store that members of limits over processes agree through, with real servers.
import { expect } from 'chai';
import { LimitedClient } from '#src/db/limited-client.js';
import { etcdClients } from '#src/primary/etcd-client.js';
import { registrySessions } from '#src/primary/registry-session.js';
import { EtcdShareStore } from '#src/shares/etcd-share-store.js';
import { PostgresShareStore } from '#src/shares/postgres-share-store.js';
import type { ShareStore } from '#src/shares/share-store.js';
import { type BreakableProxy, breakableProxy } from '#test/support/breakable-proxy.js';
import { needsEtcd, startEtcd } from '#test/support/etcd.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { until } from '#test/support/until.js';

/** Characters of a text that is not to be sent twice. */
const LARGE = 100_000;

interface Server {
  readonly proxy: BreakableProxy;
  store(): ShareStore;
  /** Keeps a copy of all that is stored. */
  backUp(): Promise<void>;
  /** Puts that copy in the place of what is stored. */
  setBack(): Promise<void>;
  close(): Promise<void>;
}

const TABLE = 'multilane.multilane_limit_share';

async function postgres(): Promise<Server> {
  const url = new URL(await (await startTestPostgres()).createDatabase('shares'));
  const proxy = await breakableProxy(`${url.searchParams.get('host')}/.s.PGSQL.5432`);
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  const run = async (statement: string): Promise<void> => {
    const client = new LimitedClient(url.href, {});
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  return {
    proxy,
    store: () => new PostgresShareStore(registrySessions(url.href)),
    backUp: () => run(`CREATE TABLE backup AS TABLE ${TABLE}`),
    setBack: () => run(`BEGIN; DELETE FROM ${TABLE}; INSERT INTO ${TABLE} TABLE backup; COMMIT`),
    close: () => proxy.close(),
  };
}

async function etcd(): Promise<Server> {
  const server = await startEtcd();
  const proxy = await breakableProxy(server.port);
  const origins = [`http://127.0.0.1:${proxy.port}`];
  return {
    proxy,
    store: () => new EtcdShareStore(etcdClients({ origins, user: undefined })),
    backUp: () => server.backUp(),
    setBack: () => server.setBack(),
    async close() {
      await proxy.close();
      await server.close();
    },
  };
}

for (const [name, start] of Object.entries({ PostgreSQL: postgres, etcd })) {
  describe(`shares of limits in ${name}`, () => {
    let server: Server;
    const stores: ShareStore[] = [];
    const open = (): ShareStore => {
      const store = server.store();
      stores.push(store);
      return store;
    };
    const textsOf = async (store: ShareStore): Promise<Record<string, string>> =>
      Object.fromEntries([...(await store.read())].map(([key, { text }]) => [key, text]));

    before(function () {
      if (name === 'etcd') needsEtcd(this);
    });
    beforeEach(async () => {
      server = await start();
    });
    afterEach(async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      await server?.close();
    });

    it('are created by one of many that try at the same time', async () => {
      const all = Array.from({ length: 5 }, open);
      const stored = await Promise.all(all.map((store, n) => store.replace('epoch', undefined, `by ${n}`)));
      expect(stored.filter(Boolean)).to.have.length(1);
      expect(await textsOf(all[0]!)).to.deep.equal({ epoch: `by ${stored.indexOf(true)}` });
    });

    it('are replaced only where nothing has changed', async () => {
      const [a, b] = [open(), open()];
      await a.replace('epoch', undefined, 'first');
      const { version } = (await a.read()).get('epoch')!;
      expect((await b.read()).get('epoch')!.version).to.equal(version);
      expect(await b.replace('epoch', version, 'second')).to.equal(true);
      expect(await a.replace('epoch', version, 'late')).to.equal(false);
      expect(await a.replace('epoch', undefined, 'later')).to.equal(false);
      expect(await a.replace('other', undefined, 'beside')).to.equal(true);
      expect(await textsOf(b)).to.deep.equal({ epoch: 'second', other: 'beside' });
    });

    it('are removed only where nothing has changed, and do not come back by a late write', async () => {
      const store = open();
      await store.replace('one', undefined, 'a');
      const { version } = (await store.read()).get('one')!;
      await store.replace('one', version, 'b');
      await store.remove('one', version);
      expect(await textsOf(store)).to.deep.equal({ one: 'b' });
      const { version: next } = (await store.read()).get('one')!;
      await store.remove('one', next);
      await store.replace('one', undefined, 'c');
      expect(await store.replace('one', next, 'late')).to.equal(false);
      expect(await textsOf(store)).to.deep.equal({ one: 'c' });
    });

    it('are sent again only when they have changed', async () => {
      const [reader, writer] = [open(), open()];
      const large = 'x'.repeat(LARGE);
      await writer.replace('large', undefined, large);
      await writer.replace('small', undefined, 'a');
      expect(await textsOf(reader)).to.deep.equal({ large, small: 'a' });
      await writer.replace('small', (await writer.read()).get('small')!.version, 'b');
      await writer.replace('other', undefined, 'c');
      const before = server.proxy.received;
      expect(await textsOf(reader)).to.deep.equal({ large, small: 'b', other: 'c' });
      expect(server.proxy.received - before).to.be.below(LARGE / 10);
    });

    it('are not there any more when another process has removed them, until they are created again', async () => {
      const [reader, writer] = [open(), open()];
      for (const name of ['one', 'two']) await writer.replace(name, undefined, 'first');
      const { version } = (await reader.read()).get('one')!;
      await writer.remove('one', version);
      expect(await textsOf(reader)).to.deep.equal({ two: 'first' });
      await writer.replace('one', undefined, 'second');
      expect(await textsOf(reader)).to.deep.equal({ one: 'second', two: 'first' });
      expect(await reader.replace('one', version, 'late')).to.equal(false);
    });

    it('are what a server has that was set back', async () => {
      const [reader, writer] = [open(), open()];
      const versionIn = async (store: ShareStore): Promise<string> =>
        (await store.read()).get('one')!.version;
      await writer.replace('one', undefined, 'kept');
      await server.backUp();
      const texts = (store: ShareStore): Promise<unknown> =>
        // The first reading may find that the connection is lost.
        until(
          () => textsOf(store).catch(() => undefined),
          (read) => read !== undefined,
        );
      await texts(writer);
      await writer.replace('one', await versionIn(writer), 'lost');
      expect(await texts(reader)).to.deep.equal({ one: 'lost' });
      await server.setBack();
      expect(await texts(writer)).to.deep.equal({ one: 'kept' });
      await writer.replace('one', await versionIn(writer), 'found');
      expect(await texts(reader)).to.deep.equal({ one: 'found' });
    });

    it('can be used again after the connection was lost', async () => {
      const store = open();
      await store.replace('epoch', undefined, 'kept');
      await server.proxy.refuse();
      const failure = await store.read().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).to.be.an.instanceof(Error);
      await server.proxy.listen();
      expect(await textsOf(store)).to.deep.equal({ epoch: 'kept' });
    });
  });
}
