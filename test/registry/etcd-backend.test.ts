// The registry in etcd over scripted endpoints: which requests it makes, and to whom.
import { expect } from 'chai';
import type { BackendEvents } from '#src/registry/backends/backend.js';
import type { EtcdClient, OpenEtcd } from '#src/registry/backends/etcd-api.js';
import { EtcdBackend } from '#src/registry/backends/etcd-backend.js';
import { until } from '#test/support/until.js';

interface Request {
  readonly path: string;
  readonly body: { readonly success?: readonly object[] };
}

/** An endpoint that has nothing, and accepts everything. */
function endpoint() {
  const requests: Request[] = [];
  let revision = 100;
  const responseTo = (path: string): object => {
    if (path === '/v3/lease/grant') return { ID: '7' };
    if (path === '/v3/lease/keepalive') return { result: { TTL: '15' } };
    if (path === '/v3/kv/txn') revision += 1;
    return { header: { revision: String(revision) } };
  };
  const client: EtcdClient = {
    post: async <R>(path: string, body: object) => {
      requests.push({ path, body });
      await new Promise(setImmediate);
      return responseTo(path) as R;
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
      ...{ service: 'orders', id, isLocal: false, isStatic: false },
      body: { host: '10.0.0.1', port: 1, state: 'healthy' },
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
    expect(first).to.have.nested.property('request_txn.compare[0].target', 'MOD');
    expect(first).to.have.nested.property('request_txn.compare[0].mod_revision', '101');
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
