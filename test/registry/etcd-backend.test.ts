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
    readonly request_txn?: { readonly compare: readonly { target: string }[] };
  }[];
  readonly ID?: string;
  readonly TTL?: number;
}

/** An endpoint that has nothing, and accepts everything. */
function endpoint() {
  const requests: Request[] = [];
  let revision = 100;
  let leases = 0;
  const responseTo = (path: string, { success = [] }: Body): object => {
    if (path === '/v3/lease/grant') return { ID: `lease ${leases++}` };
    if (path === '/v3/lease/keepalive') return { result: { TTL: '15' } };
    if (path === '/v3/kv/txn') revision += 1;
    // No registration was removed before, and no key has changed since it was read.
    const responses = success.map(({ request_txn: made }) => ({
      response_txn: { succeeded: made?.compare[0]?.target === 'MOD' },
    }));
    return { header: { revision: String(revision) }, responses };
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
      ...{ service: 'orders', id, isLocal: false, isStatic: false },
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
    expect(first).to.have.nested.property('request_txn.compare[0].target', 'MOD');
    expect(first).to.have.nested.property('request_txn.compare[0].mod_revision', '101');
  });

  it('tells of removals for as long as a process may keep one of the instances, and of 1,000 at most', async () => {
    const { client, requests } = endpoint();
    const { backend } = begin([async () => client]);
    const of = (path: string) => requests.filter((one) => one.path === path).map(({ body }) => body);
    const removed = () =>
      of('/v3/kv/txn').filter(({ success = [] }) => success[0]?.request_txn?.compare[0]?.target === 'MOD')
        .length;
    const ids = [...Array.from({ length: 1_000 }, (_, n) => `x${n}`), 'y'];
    for (const id of ids) announce(backend, id);
    await until(
      () => of('/v3/kv/txn').flatMap(({ success = [] }) => success).length,
      (announced) => announced === ids.length,
    );
    for (let n = 0; n < 1_000; n += 1) backend.remove('orders', `x${n}`, 'r', n === 0 ? 300 : 30);
    await until(removed, (transactions) => transactions === 10);
    expect(of('/v3/lease/grant').map(({ TTL }) => TTL)).to.deep.equal([
      15,
      360,
      ...Array<number>(9).fill(180),
    ]);
    expect(of('/v3/lease/revoke')).to.deep.equal([]);
    backend.remove('orders', 'y', 'r', 30);
    await until(removed, (transactions) => transactions === 11);
    expect(of('/v3/lease/revoke')).to.deep.equal([{ ID: 'lease 1' }]);
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
