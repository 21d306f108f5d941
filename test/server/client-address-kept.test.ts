// A handler, a hook or the source of a stream reads the client's address, at every possible time, over real
// connections.
import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { InjectExchange, type Receiver } from '#src/server/inject-exchange.js';
import { until } from '#test/support/until.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

/** The addresses of a client and of a proxy from which this test connects. */
const CLIENT = '127.0.0.2';
const PROXY = '127.0.0.3';
const PROXIED = '203.0.113.7';

onCores('the address of a client', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;
  /** The addresses that were read, by the place of the read. */
  let seen: Record<string, readonly string[]>;
  const look = (where: string, ctx: Context<never>): void => {
    seen[where] = [ctx.ip, ctx.host];
  };
  /** Resolves when the client has the whole response. */
  const client = new EventEmitter();
  const aborted = async (ctx: Context<never>): Promise<void> => {
    if (!ctx.signal.aborted) await once(ctx.signal, 'abort');
  };

  before(async () => {
    world = bench(
      (app) => {
        app.group('/hooked', (hooked) => {
          hooked.hook('onResponse', async (ctx) => {
            look('onResponse', ctx as never);
            await settled();
            look('onResponse, later', ctx as never);
          });
          hooked.get('/sync', () => 'ok');
          hooked.get('/large', () => 'x'.repeat(1_000_000));
          hooked.get('/responder', (ctx) => ctx.status(201).json({}));
          hooked.get('/async', async () => 'ok');
          hooked.get('/throws', () => {
            throw new Error('a fault');
          });
          hooked.get('/never', { timeoutMs: 30 }, () => new Promise(() => undefined));
          hooked.get('/leaves', (ctx) => aborted(ctx as never));
          hooked.get('/limited', { rateLimit: '1/minute' }, () => 'ok');
          hooked.get('/stream', (ctx) => ctx.stream(pieces()));
        });
        // Here nothing reads the address before the client has the whole response.
        app.group('/asked-later', (asked) => {
          asked.hook('onResponse', async (ctx) => {
            await once(client, 'ended');
            look('onResponse, at the end', ctx as never);
          });
          asked.get('/sync', () => 'ok');
          asked.get('/responder', (ctx) => ctx.status(201).json({}));
          asked.get('/throws', () => {
            throw new Error('a fault');
          });
        });
        // Here the address is read early, and remembered from then on.
        app.group('/early', (early) => {
          early.hook('onRequest', (ctx) => look('onRequest', ctx as never));
          early.hook('onError', (ctx) => look('onError', ctx as never));
          early.hook('onResponse', (ctx) => look('onResponse', ctx as never));
          early.get('/throws', () => {
            throw new Error('a fault');
          });
        });
        app.get('/plain/leaves', async (ctx) => {
          await aborted(ctx as never);
          look('handler', ctx as never);
        });
        app.get('/plain/late', { timeoutMs: 30 }, async (ctx) => {
          await aborted(ctx as never);
          look('handler', ctx as never);
        });
        app.get('/plain/stream', (ctx) => ctx.stream(endless(ctx as never)));
        app.get('/plain/events', (ctx) => ctx.sse(() => events(ctx as never)));
      },
      { trustedProxies: [`${PROXY}/32`] },
    );
    // A recorded span would have read the address at the beginning.
    world.tracing.enabled = false;
    server = core.serverOf(world.app);
    port = Number(await server.listen(0, '127.0.0.1'));
  });
  after(() => server.close());
  beforeEach(() => {
    seen = {};
  });

  async function* pieces() {
    yield 'a';
    await settled();
    yield 'b';
  }
  async function* endless(ctx: Context<never>) {
    try {
      for (;;) {
        yield 'a';
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      look('source, at its end', ctx);
    }
  }
  async function* events(ctx: Context<never>) {
    yield { data: 'a' };
    await aborted(ctx);
    look('source, after the client', ctx);
  }

  /** @param leaves when the response begins, or else when the request has arrived */
  async function send(
    path: string,
    localAddress: string,
    leaves: 'never' | 'at once' | 'later',
  ): Promise<void> {
    const { begun } = world.observer;
    const headers = localAddress === PROXY ? { 'x-forwarded-for': PROXIED, 'x-forwarded-host': 'shop' } : {};
    const sent = request({ host: '127.0.0.1', port, path, localAddress, agent: false, headers });
    sent.on('error', () => undefined);
    sent.end();
    if (leaves === 'at once') {
      await until(
        () => world.observer.begun,
        (count) => count > begun,
      );
    } else {
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.on('error', () => undefined);
      response.resume();
      if (leaves === 'never') await once(response, 'end');
    }
    client.emit('ended');
    sent.destroy();
  }

  for (const [path, leaves, wheres] of [
    ['/hooked/sync', 'never', ['onResponse', 'onResponse, later']],
    ['/hooked/large', 'never', ['onResponse', 'onResponse, later']],
    ['/hooked/responder', 'never', ['onResponse', 'onResponse, later']],
    ['/hooked/async', 'never', ['onResponse', 'onResponse, later']],
    ['/hooked/throws', 'never', ['onResponse', 'onResponse, later']],
    ['/hooked/never', 'never', ['onResponse', 'onResponse, later']],
    ['/hooked/leaves', 'at once', ['onResponse', 'onResponse, later']],
    ['/hooked/stream', 'never', ['onResponse', 'onResponse, later']],
    ['/asked-later/sync', 'never', ['onResponse, at the end']],
    ['/asked-later/responder', 'never', ['onResponse, at the end']],
    ['/asked-later/throws', 'never', ['onResponse, at the end']],
    ['/early/throws', 'never', ['onRequest', 'onError', 'onResponse']],
    ['/plain/leaves', 'at once', ['handler']],
    ['/plain/late', 'never', ['handler']],
    ['/plain/stream', 'later', ['source, at its end']],
    ['/plain/events', 'later', ['source, after the client']],
  ] as const) {
    it(`is known to ${wheres.join(' and ')} of ${path}`, async () => {
      for (const [localAddress, expected] of [
        [CLIENT, [CLIENT, `127.0.0.1:${port}`]],
        [PROXY, [PROXIED, 'shop']],
      ] as const) {
        seen = {};
        await send(path, localAddress, leaves);
        await until(
          () => Object.keys(seen),
          (known) => wheres.every((where) => known.includes(where)),
        );
        for (const where of wheres) expect(seen[where], where).to.deep.equal(expected);
      }
    });
  }

  it('is known to onResponse of a refusal', async () => {
    for (let n = 0; n < 2; n++) await send('/hooked/limited', CLIENT, 'never');
    expect(world.observer.seen.at(-1)).to.include({ status: 429 });
    expect(seen.onResponse).to.deep.equal([CLIENT, `127.0.0.1:${port}`]);
  });
});

describe('the address of a client that no code can read later', () => {
  it('is not read from the core', () => {
    const { app, tracing } = bench((demo) => {
      demo.get('/value', () => ({}));
      demo.get('/responder', (ctx) => ctx.text('ok'));
      demo.get('/hooked', { onRequest: () => undefined, onError: () => undefined }, () => 'ok');
    });
    // A recorded span holds the address.
    tracing.enabled = false;
    let asked = 0;
    class CountingExchange extends InjectExchange {
      override remoteAddress(): string {
        asked++;
        return super.remoteAddress();
      }
    }
    const statuses: number[] = [];
    const client: Receiver = {
      whole: (status) => void statuses.push(status),
      begin() {},
      write: () => undefined,
      end() {},
      fail() {},
    };
    for (const url of ['/value', '/responder', '/hooked']) app.handle(new CountingExchange({ url }, client));
    expect([statuses, asked]).to.deep.equal([[200, 200, 200], 0]);
  });
});
