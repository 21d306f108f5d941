// The registry in etcd over scripted endpoints: which requests it makes, and to whom.
import { expect } from 'chai';
import type { BackendEvents } from '#src/registry/backends/backend.js';
import type { EtcdClient, OpenEtcd } from '#src/registry/backends/etcd-api.js';
import { EtcdBackend } from '#src/registry/backends/etcd-backend.js';
import { until } from '#test/support/until.js';

interface Request {
  readonly path: string;
  readonly body: Body;
}

interface Body {
  readonly success?: readonly {
    readonly request_delete_range?: { readonly key: string };
    readonly request_txn?: { readonly compare: readonly { result: string; mod_revision: string }[] };
  }[];
  readonly ID?: string;
  readonly sort_order?: string;
  readonly TTL?: number;
}

/**
 * An endpoint that has nothing, and accepts everything.
 * @param changes how often a key has changed since it was read
 */
function endpoint(count = '0', changes = 0) {
  const requests: Request[] = [];
  let revision = 100;
  let leases = 0;
  let changesLeft = changes;
  const responseTo = (path: string, { success = [], sort_order }: Body): object => {
    if (path === '/v3/lease/grant') return { ID: `lease ${leases++}` };
    if (path === '/v3/lease/keepalive') return { result: { TTL: '15' } };
    if (path === '/v3/kv/txn') revision += 1;
    // No registration was removed before.
    const isMade = ({ result }: { readonly result: string }): boolean =>
      result === 'EQUAL' && --changesLeft < 0;
    const responses = success.map(({ request_txn: made }) => ({
      response_txn: { succeeded: made?.compare.every(isMade) },
    }));
    const kvs = sort_order === 'ASCEND' ? [{ key: 'the oldest' }] : [];
    return { header: { revision: String(revision) }, responses, kvs, count };
  };
  const client: EtcdClient = {
    post: async <R>(path: string, body: object) => {
      requests.push({ path, body });
      await new Promise(setImmediate);
      return responseTo(path, body) as R;
    },
    watch: () => undefined,
    close: () => undefined,
  };
  return { client, requests };
}

describe('the registry in etcd', () => {
  const backends: EtcdBackend[] = [];
  const begin = (open: readonly OpenEtcd[]) => {
    const outages: string[] = [];
    const nothing = (): void => undefined;
    const events: BackendEvents = {
      ...{ listed: nothing, found: nothing, left: nothing, rejected: nothing, available: nothing },
      unavailable: ({ message }) => outages.push(message),
    };
    const backend = new EtcdBackend({ open, owner: 'here', random: () => 0 });
    backends.push(backend);
    backend.start(events);
    return { backend, outages };
  };
  const announce = (backend: EtcdBackend, id: string): void =>
    backend.announce({
      ...{ service: 'orders', id, isLocal: false, isStatic: false, isExpired: () => false },
      body: { host: '10.0.0.1', port: 1, state: 'healthy', registrationId: 'r' },
    });
  afterEach(() => Promise.all(backends.splice(0).map((backend) => backend.close())));

  it('withdraws many instances in a few transactions, each if it was not announced anew since', async () => {
    const { client, requests } = endpoint();
    const { backend } = begin([async () => client]);
    const transactions = () => requests.filter(({ path }) => path === '/v3/kv/txn');
    const count = 250;
    for (let n = 0; n < count; n += 1) announce(backend, `x${n}`);
    const operations = () => transactions().flatMap(({ body }) => body.success ?? []).length;
    await until(operations, (made) => made === count);
    const before = transactions().length;
    for (let n = 0; n < count; n += 1) backend.withdraw('orders', `x${n}`);
    await until(operations, (made) => made === 2 * count);
    expect(transactions().length - before).to.equal(3);
    const [first] = transactions()[before]!.body.success ?? [];
    expect(first).to.have.nested.property('request_txn.compare[0].result', 'EQUAL');
    expect(first).to.have.nested.property('request_txn.compare[0].mod_revision', '101');
  });

  it('tells of removals for as long as a process may keep one of the instances, with leases that they share', async () => {
    const { client, requests } = endpoint();
    const { backend } = begin([async () => client]);
    const operations = () =>
      requests.flatMap(({ path, body }) => (path === '/v3/kv/txn' ? (body.success ?? []) : []));
    const ids = Array.from({ length: 40 }, (_, n) => `x${n}`);
    for (const id of ids) announce(backend, id);
    await until(
      () => operations().length,
      (announced) => announced === ids.length,
    );
    for (const [n, id] of ids.entries()) {
      const before = operations().length;
      backend.remove('orders', id, 'r', n < 20 ? 300 : 30);
      // It is read, and removed.
      await until(
        () => operations().length,
        (made) => made === before + 2,
      );
    }
    const granted = requests.filter(({ path }) => path === '/v3/lease/grant').map(({ body }) => body.TTL);
    expect(granted).to.deep.equal([15, 450, 225]);
  });

  it('removes what was not there only if nothing was announced since it was read, and reads it again', async () => {
    const { client, requests } = endpoint('0', 2);
    const { backend } = begin([async () => client]);
    const removals = () =>
      requests.flatMap(({ body }) => body.success ?? []).filter(({ request_txn: made }) => isRemoval(made));
    const isRemoval = (made: NonNullable<Body['success']>[number]['request_txn']): boolean =>
      made?.compare[0]?.result === 'EQUAL';
    announce(backend, 'x');
    await until(
      () => requests.filter(({ path }) => path === '/v3/kv/txn').length,
      (made) => made === 1,
    );
    backend.remove('orders', 'x', 'r', 30);
    await until(
      () => removals().length,
      (made) => made === 3,
    );
    for (const { request_txn: made } of removals()) expect(made?.compare[0]?.mod_revision).to.equal('0');
  });

  it('forgets the oldest removals of all processes when there are more than 10,000', async () => {
    for (const [count, deleted] of [
      ['9999', 0],
      ['10000', 1],
    ] as const) {
      const { client, requests } = endpoint(count);
      const { backend } = begin([async () => client]);
      announce(backend, 'x');
      const operations = () => requests.flatMap(({ body }) => body.success ?? []);
      await until(operations, ({ length }) => length === 1);
      backend.remove('orders', 'x', 'r', 30);
      await until(operations, ({ length }) => length === 3 + deleted);
      const keys = operations().flatMap(({ request_delete_range: range }) => range?.key ?? []);
      expect(keys).to.deep.equal(Array(deleted).fill('the oldest'));
    }
  });

  it('tries all endpoints before that is an outage, and stays at the one that works', async () => {
    const { client, requests } = endpoint();
    let asked = 0;
    const dead: OpenEtcd = async () => {
      asked += 1;
      throw new Error('refused');
    };
    const limits: (number | undefined)[] = [];
    const live: OpenEtcd = async (limitMs) => {
      limits.push(limitMs);
      return client;
    };
    const { backend, outages } = begin([dead, dead, live]);
    announce(backend, 'x');
    await until(
      () => requests.map(({ path }) => path),
      (paths) => paths.includes('/v3/kv/txn'),
    );
    // Only the last one may take as long as it wants.
    expect([asked, outages, limits]).to.deep.equal([2, [], [undefined]]);
  });

  it('is away when no endpoint works twice in a row', async () => {
    const { outages } = begin([
      async () => {
        throw new Error('refused');
      },
    ]);
    expect(
      await until(
        () => outages,
        ({ length }) => length > 0,
      ),
    ).to.deep.equal(['refused']);
  });
});
