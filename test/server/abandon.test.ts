// Requests that are ended from outside, whatever their handlers do.
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { Hold } from '#src/hold.js';
import type { Scope } from '#src/scope.js';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { inject } from '#src/server/inject.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const stalled = (): HttpError => new HttpError('HANDLER_STALLED', 'Interrupted.');
const never = new Promise<never>(() => {});

onCores('abandoning requests', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let entered: ReturnType<typeof latch<Context>>;
  let late: ReturnType<typeof latch<void>>;
  let sourceEnded: ReturnType<typeof latch<void>>;

  before(async () => {
    world = bench((app) => {
      app.get('/hangs', (ctx) => {
        entered.open(ctx as Context);
        return never;
      });
      app.get('/late', async (ctx) => {
        entered.open(ctx as Context);
        await late.opened;
        return 'too late';
      });
      // As after an interruption: the request is ended while its handler is on the stack.
      const now = (): string => {
        world.app.abandon(stalled());
        return 'too late';
      };
      app.get('/now', now);
      app.post('/now', now);
      app.get('/outer', async () => (await inject(world.app, { url: '/late', inProcess: true })).status);
      app.get('/answered', (ctx) => {
        ctx.text('in time');
        entered.open(ctx as Context);
        return never;
      });
      app.get('/stream', (ctx) =>
        ctx.stream(
          (async function* () {
            try {
              yield 'begun';
              entered.open(ctx as Context);
              await late.opened;
              yield 'more';
            } finally {
              sourceEnded.open();
            }
          })(),
        ),
      );
    });
    server = core.serverOf(world.app, { settings: { streamIdleMs: 5000 } });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());
  beforeEach(() => {
    entered = latch<Context>();
    late = latch();
    sourceEnded = latch();
    world.world.permits = 10;
    world.observer.seen.length = 0;
    world.logs.length = 0;
  });
  afterEach(async () => {
    // What ends later changes nothing any more.
    late.open();
    await settled();
    expect([world.app.living().length, world.world.permits, server.unfinished]).to.deep.equal([0, 10, 0]);
    expect(world.app.wheel.size).to.equal(0);
    expect(world.logs).to.deep.equal([]);
  });

  it('ends the request of a handler that never ends with its error, aborts the signal and keeps the connection', async () => {
    const wire = await Wire.open(url);
    const answer = wire.request('GET', '/hangs');
    const { signal } = await entered.opened;
    await settled();
    const reason = stalled();
    world.app.abandon(reason);
    expect(signal.reason).to.equal(reason);
    expect(world.app.inFlight).to.equal(0);
    expect((await answer)?.status).to.equal(500);
    expect(JSON.parse((await answer)?.body.toString() ?? '')).to.include({ code: 'HANDLER_STALLED' });
    expect((await wire.request('GET', '/now'))?.status).to.equal(500);
    expect(world.observer.seen.map(({ error }) => error)).to.deep.equal([
      'HANDLER_STALLED',
      'HANDLER_STALLED',
    ]);
    wire.destroy();
  });

  it('releases every permit once, however often it is called and whatever ends later', async () => {
    const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.open(url)));
    const answers = wires.map((wire) => wire.request('GET', '/late'));
    while (world.app.inFlight < 5) await settled();
    expect(world.world.permits).to.equal(5);
    world.app.abandon(stalled());
    world.app.abandon(stalled());
    expect(world.world.permits).to.equal(10);
    for (const answer of answers) expect((await answer)?.status).to.equal(500);
    for (const wire of wires) wire.destroy();
  });

  it('responds within the request callback, even where a response has to wait a turn', async () => {
    const wire = await Wire.open(url);
    expect((await wire.request('GET', '/now'))?.status).to.equal(500);
    wire.write('POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n');
    expect((await wire.response())?.status).to.equal(500);
    await wire.closed();
  });

  it('ends a request of the worker to itself before its caller', async () => {
    const wire = await Wire.open(url);
    const answer = wire.request('GET', '/outer');
    await entered.opened;
    await settled();
    expect(world.app.inFlight).to.equal(2);
    world.app.abandon(stalled());
    expect((await answer)?.status).to.equal(500);
    expect(world.observer.seen).to.have.length(2);
    expect(world.observer.seen.map(({ template }) => template)).to.deep.equal(['/late', '/outer']);
    wire.destroy();
  });

  it('leaves a response that was sent as it is', async () => {
    const wire = await Wire.open(url);
    expect((await wire.request('GET', '/answered'))?.body.toString()).to.equal('in time');
    const { signal } = await entered.opened;
    expect([world.app.inFlight, world.app.living().length]).to.deep.equal([0, 1]);
    world.app.abandon(stalled());
    expect(signal.aborted).to.equal(true);
    expect(world.observer.seen.map(({ status }) => status)).to.deep.equal([200]);
    wire.destroy();
  });

  it('cuts a stream, so that its client does not take it for complete, and ends its source', async () => {
    const wire = await Wire.open(url);
    wire.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await entered.opened;
    await settled(); // the core sends what was written in the request callback when that returns
    world.app.abandon(stalled());
    await wire.closed();
    expect(wire.rest).to.include('begun').and.not.include('\r\n0\r\n');
    late.open();
    await sourceEnded.opened;
    expect(world.observer.seen[0]).to.include({ status: 500, error: 'HANDLER_STALLED' });
  });

  it('serves requests that are sent by those that it ends', async () => {
    const wire = await Wire.open(url);
    const answer = wire.request('GET', '/hangs');
    const { signal } = await entered.opened;
    let again: Promise<number> | undefined;
    signal.addEventListener('abort', () => {
      again = inject(world.app, { url: '/late' }).then(({ status }) => status);
    });
    world.app.abandon(stalled());
    expect((await answer)?.status).to.equal(500);
    late.open();
    expect(await again).to.equal(200);
    wire.destroy();
  });

  it('releases what the work of a request holds when it is interrupted, but not when only its client has left', async () => {
    const given: string[] = [];
    class Held extends Hold {
      protected override onRelease(): void {
        given.push('held');
      }
    }
    for (const [how, expected] of [
      ['abandon', []],
      ['interrupt', ['held']],
    ] as const) {
      const answer = inject(world.app, { url: '/hangs' });
      const held = new Held();
      held.take(((await entered.opened) as unknown as Scope).holds);
      world.app[how](stalled(), world.app.living());
      expect((await answer).status).to.equal(500);
      expect(given).to.deep.equal(expected);
      held.end();
      entered = latch<Context>();
    }
  });
});
