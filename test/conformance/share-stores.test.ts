// What holds for every store that members of limits over processes agree through, with real servers.
import { expect } from 'chai';
import { etcdClients } from '#src/primary/etcd-client.js';
import { registrySessions } from '#src/primary/registry-session.js';
import { EtcdShareStore } from '#src/shares/etcd-share-store.js';
import { PostgresShareStore } from '#src/shares/postgres-share-store.js';
import type { ShareStore } from '#src/shares/share-store.js';
import { type BreakableProxy, breakableProxy } from '#test/support/breakable-proxy.js';
import { needsEtcd, startEtcd } from '#test/support/etcd.js';
import { startTestPostgres } from '#test/support/postgres.js';

interface Server {
  readonly proxy: BreakableProxy;
  store(): ShareStore;
  close(): Promise<void>;
}

async function postgres(): Promise<Server> {
  const url = new URL(await (await startTestPostgres()).createDatabase('shares'));
  const proxy = await breakableProxy(`${url.searchParams.get('host')}/.s.PGSQL.5432`);
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return {
    proxy,
    store: () => new PostgresShareStore(registrySessions(url.href)),
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
