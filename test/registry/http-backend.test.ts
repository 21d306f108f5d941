// The registry of another process, over a client that is scripted.
import { expect } from 'chai';
import type { Announced, BackendEvents } from '#src/registry/backends/backend.js';
import { type RegistryClient, RegistryFailure } from '#src/registry/backends/http-api.js';
import { HttpBackend } from '#src/registry/backends/http-backend.js';
import { until } from '#test/support/until.js';

type Put = { readonly announced: readonly object[]; readonly withdrawn: readonly object[] };

const instance = (id: string, text = ''): Announced => ({
  ...{ service: 'orders', id, isLocal: false, isStatic: false, isExpired: () => false },
  body: { host: '10.0.0.1', port: 1, metadata: { text }, state: 'healthy' },
});

describe('the backend for the registry of another process', () => {
  const backends: HttpBackend[] = [];
  /** @param put what the registry responds, or throws */
  const started = (over: Partial<RegistryClient>) => {
    let opened = 0;
    let pauses = 0;
    const puts: Put[] = [];
    const events: string[] = [];
    const client: RegistryClient = {
      async request(method, _path, body) {
        if (method === 'GET') return { instances: [], next: null };
        if (method === 'PUT') puts.push(body as Put);
        return { revision: 'r-1', count: 0, refused: [] };
      },
      watch: async () => undefined,
      close: () => undefined,
      ...over,
    };
    const backend = new HttpBackend({
      owner: 'here',
      secret: 'secret',
      open: () => {
        opened += 1;
        return client;
      },
      random: () => {
        pauses += 1;
        return 0.01;
      },
    });
    backends.push(backend);
    const names = ['listed', 'found', 'left', 'rejected', 'available', 'unavailable'] as const;
    backend.start(
      Object.fromEntries(names.map((name) => [name, () => events.push(name)])) as unknown as BackendEvents,
    );
    return { backend, puts, events, opened: () => opened, pauses: () => pauses };
  };
  afterEach(() => Promise.all(backends.splice(0).map((backend) => backend.close())));

  it('asks a registry that does not accept its token once, and not again soon', async () => {
    for (const failure of [new RegistryFailure(401, 'wrong'), new RegistryFailure(429, 'wrong', 60)]) {
      const { opened, pauses, events } = started({ watch: () => Promise.reject(failure) });
      await until(pauses, (count) => count > 8);
      expect(opened()).to.equal(1);
      expect(events).to.deep.equal(['unavailable']);
    }
  });

  it('tries again at once what was only interrupted', async () => {
    const { opened } = started({ watch: () => Promise.reject(new Error('lost')) });
    expect(await until(opened, (count) => count > 3)).to.be.above(3);
  });

  it('renews before all else, and puts what is announced into few requests', async () => {
    const { backend, puts } = started({});
    for (let n = 0; n < 1_000; n += 1) backend.announce(instance(`x${n}`));
    const count = (): number => puts.reduce((sum, { announced }) => sum + announced.length, 0);
    await until(count, (sum) => sum === 1_000);
    expect(puts[0]?.announced).to.deep.equal([]);
    expect(puts.length).to.be.below(10);
    for (const put of puts) expect(Buffer.byteLength(JSON.stringify(put))).to.be.below(64 * 1024);
  });

  it('sends nothing that is larger than a request may be, and all else', async () => {
    const { backend, puts, events } = started({});
    for (const [id, length] of [
      ['a', 1],
      ['b', 100_000],
      ['c', 1],
    ] as const)
      backend.announce(instance(id, 'x'.repeat(length)));
    const sent = () => puts.flatMap(({ announced }) => announced.map((one) => (one as Announced).id));
    await until(sent, ({ length }) => length === 2);
    expect(sent()).to.deep.equal(['a', 'c']);
    expect(events).to.include('rejected');
    expect(events).to.not.include('unavailable');
  });

  it('gives up a list that does not end, or has more instances than there can be', async () => {
    for (const [size, pagesRead] of [
      [0, 128],
      [100_000, 1],
    ] as const) {
      let pages = 0;
      const { events } = started({
        async request(_method, path) {
          pages += 1;
          return {
            instances: Array.from({ length: size }),
            next: Number(/after=(-?\d+)/.exec(path)?.[1]) + 1,
          };
        },
      });
      await until(
        () => events,
        ({ length }) => length > 0,
      );
      expect([events[0], pages % pagesRead]).to.deep.equal(['unavailable', 0]);
    }
  });
});
