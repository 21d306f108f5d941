// Storages of services (AsyncLocalStorage): what a hook or a handler enters for the rest of its request
// (`enterWith`) is seen by the code of this request behind it, and by no other request.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { EnteredStores } from '#src/server/entered-stores.js';
import type { Application } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const BODY = { body: Type.Object({ n: Type.Integer() }) };
const TEXT = '{"n":7}';

onCores('a storage of a service', (core) => {
  const tenants = new AsyncLocalStorage<string>();
  let world: Bench;
  let server: HttpServer;
  let url: string;

  const enter = (ctx: { readonly query: { get(name: string): string | undefined } }): void => {
    tenants.enterWith(ctx.query.get('tenant') ?? 'none');
  };
  const seen = (): string => String(tenants.getStore());
  const seenTwice = async (): Promise<string[]> => {
    const before = seen();
    await settled();
    return [before, seen()];
  };

  function routes(app: Application): void {
    for (const [kind, options] of Object.entries({ get: {}, post: BODY })) {
      const add = (path: string, more: object, handler: (ctx: never) => unknown): void => {
        (app as unknown as Record<string, (...args: unknown[]) => void>)[kind]!(
          path,
          { ...options, ...more },
          handler,
        );
      };
      add('/bare', {}, seen);
      add('/hook', { onRequest: enter }, seen);
      add('/hook/late', { onRequest: enter }, seenTwice);
      const late = async (ctx: Parameters<typeof enter>[0]): Promise<void> => {
        enter(ctx);
        await settled();
      };
      add('/late/hook', { onRequest: late }, seenTwice);
      add('/before', { preHandler: enter }, seenTwice);
      add('/handler', {}, (ctx) => {
        const before = seen();
        enter(ctx);
        return before;
      });
      add('/handler/late', {}, async (ctx) => {
        const before = seen();
        enter(ctx);
        await settled();
        return [before, seen()];
      });
    }
  }

  /** What code saw that ran when a client had left, or when a deadline had passed. */
  let late: string[] = [];
  let over: () => void = () => undefined;
  const observed = {
    onResponse: () => {
      late.push(seen());
      over();
    },
  };
  const waiting = (ctx: { readonly signal: AbortSignal }): Promise<never> => {
    ctx.signal.addEventListener('abort', () => late.push(seen()));
    return new Promise(() => undefined);
  };

  before(async () => {
    world = bench((app) => {
      routes(app);
      app.get('/waiting', observed, waiting);
      app.post('/waiting', { ...observed, ...BODY }, waiting);
    });
    server = core.serverOf(world.app, { settings: { maxHeaderBytes: 1500, maxUrlBytes: 500 } });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());

  const post = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${TEXT.length}\r\n\r\n`;

  const WAYS: Readonly<Record<string, (path: string) => string[]>> = {
    'without a body': (path) => [`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`],
    'with its body in one packet': (path) => [post(path) + TEXT],
    'with its body in another packet': (path) => [post(path), TEXT],
    'with its body byte by byte': (path) => [post(path), ...TEXT.split('')],
  };

  async function sent(packets: readonly string[]): Promise<string> {
    const wire = await Wire.open(url);
    for (const packet of packets) {
      wire.write(packet);
      await settled();
      await settled();
    }
    const { body } = (await wire.response())!;
    wire.destroy();
    return body.toString();
  }

  for (const [way, packets] of Object.entries(WAYS)) {
    describe(`for a request ${way}`, () => {
      it('is what a hook of the same request has entered, among requests of others', async () => {
        const tenant = (n: number): string => `t${n}`;
        const all = Array.from({ length: 24 }, async (_, n) => {
          const path = ['/hook', '/hook/late', '/before'][n % 3]!;
          return [n, await sent(packets(`${path}?tenant=${tenant(n)}`))] as const;
        });
        for (const [n, text] of await Promise.all(all)) {
          expect(text).to.equal(n % 3 === 0 ? tenant(n) : JSON.stringify([tenant(n), tenant(n)]));
        }
      });

      it('is empty for the next request, whatever this one has entered', async () => {
        for (const path of ['/hook', '/hook/late', '/late/hook', '/before', '/handler', '/handler/late']) {
          await sent(packets(`${path}?tenant=left`));
          for (const next of Object.values(WAYS)) {
            expect(await sent(next('/bare')), path).to.equal('undefined');
            expect(await sent(next('/handler?tenant=later')), path).to.equal('undefined');
          }
        }
      });
    });
  }

  it('is empty for the next request on its connection, also when another connection had one between', async () => {
    for (const path of ['/hook', '/handler', '/handler/late']) {
      const [one, other] = [await Wire.open(url), await Wire.open(url)];
      await one.request('GET', `${path}?tenant=left`);
      await other.request('GET', '/bare');
      expect((await one.request('GET', '/bare'))?.body.toString(), path).to.equal('undefined');
      for (const wire of [one, other]) wire.destroy();
    }
  });

  it('is empty for what runs when a client has left, whatever other requests have entered', async () => {
    for (const way of Object.values(WAYS)) {
      late = [];
      const wire = await Wire.open(url);
      const ended = new Promise<void>((resolve) => {
        over = resolve;
      });
      for (const packet of way('/waiting')) {
        wire.write(packet);
        await settled();
        await settled();
      }
      await sent(WAYS['without a body']!('/handler?tenant=other'));
      wire.destroy();
      await ended;
      await settled();
      expect(new Set(late)).to.deep.equal(new Set(['undefined']));
    }
  });

  it('is left as it was by a called service, also when that enters it first, or within a run', () => {
    const entered = new EnteredStores();
    const ways: Readonly<Record<string, (storage: AsyncLocalStorage<string>) => void>> = {
      'enters it': (storage) => storage.enterWith('callee'),
      'enters it twice': (storage) => {
        storage.enterWith('callee');
        storage.enterWith('again');
      },
      'enters it in a run': (storage) => storage.run('run', () => storage.enterWith('callee')),
      'calls a service that enters it': (storage) =>
        storage.run('run', () => {
          entered.runApart(() => storage.enterWith('callee'), undefined);
          expect(storage.getStore()).to.equal('run');
        }),
      'enters it and throws': (storage) => {
        storage.enterWith('callee');
        throw new Error('failed');
      },
    };
    for (const [way, enters] of Object.entries(ways)) {
      for (const before of ['caller', undefined]) {
        const storage = new AsyncLocalStorage<string>();
        // The first time the storage is not known yet.
        for (let time = 1; time <= 2; time++) {
          storage.run(before as string, () => {
            try {
              entered.runApart(enters, storage);
            } catch {
              // the call has failed
            }
            expect(storage.getStore(), `${way}, time ${time}`).to.equal(before);
          });
        }
      }
    }
  });

  it('keeps what its caller in the process has entered, and leaves the caller its own', async () => {
    const call = (path: string) =>
      world.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json' },
        body: TEXT,
        inProcess: true,
      });
    await tenants.run('caller', async () => {
      for (const path of ['/bare', '/handler?tenant=callee', '/hook?tenant=callee']) {
        const expected = path.startsWith('/hook') ? 'callee' : 'caller';
        expect(Buffer.from((await call(path)).body).toString()).to.equal(expected);
        expect(seen()).to.equal('caller');
      }
    });
  });
});
