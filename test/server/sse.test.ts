import { expect } from 'chai';
import { UnavailableError } from '#src/errors.js';
import type { HttpServer } from '#src/server/http-core.js';
import { encodeEvent, type ServerSentEvent } from '#src/server/response/sse.js';
import { COMMENT_EVERY_MS } from '#src/server/response/sse-frame.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, ManualTicker, settled } from './kit.js';

describe('an event as text', () => {
  for (const [what, event, text] of [
    [
      'its members',
      { event: 'tick', id: '7', retry: 250, data: { n: 1 } },
      'event: tick\nid: 7\nretry: 250\ndata: {"n":1}\n\n',
    ],
    ['a string line by line', { data: 'a\nb\r\nc\rd' }, 'data: a\ndata: b\ndata: c\ndata: d\n\n'],
    ['an empty string', { data: '' }, 'data: \n\n'],
    ['null as JSON', { data: null }, 'data: null\n\n'],
    ['an id alone', { id: '' }, 'id: \n\n'],
  ] as const) {
    it(`has ${what}`, () => expect(encodeEvent(event)).to.equal(text));
  }

  for (const [what, event] of [
    ['a name of two lines', { event: 'a\ndata: forged' }],
    ['an id with a carriage return', { id: 'a\rb' }],
    ['an id with a NUL', { id: 'a\0b' }],
    ['an id that is no string', { id: 7 as never }],
    ['a retry that is no number of milliseconds', { retry: -1 }],
    ['data that JSON does not know', { data: () => 1 }],
    ['a misspelt member', { evnt: 'x' } as ServerSentEvent],
  ] as const) {
    it(`cannot have ${what}`, () => expect(() => encodeEvent(event)).to.throw(TypeError));
  }
});

describe('an event whose members change', () => {
  it('is sent with the values that were checked', () => {
    for (const member of ['event', 'id'] as const) {
      const values = ['fine', 'x\ndata: injected'];
      const event = Object.defineProperty({}, member, { get: () => values.shift() }) as ServerSentEvent;
      expect(encodeEvent(event)).to.equal(`${member}: fine\n\n`);
    }
  });
});

onCores('server-sent events', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let started: number;
  let produced: number;
  let returned: ReturnType<typeof latch<string>>;
  let aborted: ReturnType<typeof latch<unknown>>;
  /** Opened when the source of `/silent` waits for the end. */
  let waits: ReturnType<typeof latch<void>>;
  const ticker = new ManualTicker();

  before(async () => {
    world = bench(
      (app) => {
        app.get('/three', (ctx) =>
          ctx.sse(async function* (lastEventId) {
            started++;
            for (let n = Number(lastEventId ?? 0) + 1; n <= 3; n++)
              yield { event: 'tick', data: { n }, id: String(n) };
          }),
        );
        app.get('/iterable', (ctx) =>
          ctx.sse(
            (async function* () {
              started++;
              yield { data: 'x' };
            })(),
          ),
        );
        app.get('/silent', (ctx) => {
          ctx.signal.addEventListener('abort', () => aborted.open(ctx.signal.reason));
          return ctx.sse(async function* (): AsyncGenerator<ServerSentEvent> {
            try {
              yield { data: 'first' };
              const end = new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
              waits.open();
              await end;
            } finally {
              returned.open('silent');
            }
          });
        });
        app.get('/endless', (ctx) =>
          ctx.sse(async function* () {
            try {
              for (;;) {
                produced++;
                yield { data: 'x'.repeat(10_000) };
              }
            } finally {
              returned.open('endless');
            }
          }),
        );
        app.get('/fails', (ctx) =>
          ctx.sse(async function* () {
            yield { data: 'x' };
            await settled();
            throw new Error('no more');
          }),
        );
        app.get('/forged', (ctx) =>
          ctx.sse(async function* () {
            try {
              await settled();
              yield { id: 'a\nb' };
            } finally {
              returned.open('forged');
            }
          }),
        );
      },
      { ticker },
    );
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    started = 0;
    produced = 0;
    returned = latch<string>();
    aborted = latch<unknown>();
    waits = latch();
  });
  after(() => server.close());

  /** Opens a stream, and waits until it has sent this text. */
  const opened = async (path: string, text: string): Promise<Wire> => {
    const wire = await Wire.open(url);
    wire.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
    expect(
      await until(
        () => wire.rest,
        (rest) => rest.includes(text),
      ),
    ).to.include(text);
    return wire;
  };

  it('are a stream that caches do not store and proxies do not buffer', async () => {
    const { status, headers, text } = await world.inject({ url: '/three' });
    expect(status).to.equal(200);
    expect(headers).to.include({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const events = [1, 2, 3].map((n) => `event: tick\nid: ${n}\ndata: {"n":${n}}\n\n`);
    expect(text()).to.equal(`:\n\n${events.join('')}`);
  });

  it('continue behind the last event that the client has', async () => {
    const { text } = await world.inject({ url: '/three', headers: { 'last-event-id': '2' } });
    expect(text()).to.equal(':\n\nevent: tick\nid: 3\ndata: {"n":3}\n\n');
  });

  it('come from any asynchronous source, over a socket as in memory', async () => {
    expect((await world.inject({ url: '/iterable' })).text()).to.equal(':\n\ndata: x\n\n');
    const wire = await Wire.open(url);
    const answer = await wire.request('GET', '/iterable');
    expect(answer?.body.toString()).to.equal(':\n\ndata: x\n\n');
    wire.destroy();
  });

  it('are not produced for HEAD', async () => {
    const { status, headers, body } = await world.inject({ method: 'HEAD', url: '/three' });
    expect([status, headers['content-type'], body.length]).to.deep.equal([200, 'text/event-stream', 0]);
    expect(started).to.equal(0);
  });

  it('send a comment every 15 s', async () => {
    const wire = await opened('/silent', 'data: first');
    const comments = (): number => wire.rest.split('\r\n3\r\n:\n\n').length - 1;
    expect(comments()).to.equal(1);
    for (const count of [2, 3]) {
      for (let ms = 0; ms < COMMENT_EVERY_MS; ms += 1000) ticker.advance(1000);
      expect(await until(comments, (now) => now >= count)).to.equal(count);
    }
    wire.destroy();
    expect(await returned.opened).to.equal('silent');
  });

  it('end when the client leaves: the signal aborts, and the source is returned', async () => {
    const wire = await opened('/silent', 'data: first');
    await waits.opened;
    wire.destroy();
    expect(await returned.opened).to.equal('silent');
    expect(await aborted.opened).to.include({ code: 'CLIENT_CLOSED' });
    const leaving = new AbortController();
    returned = latch<string>();
    waits = latch();
    const injected = world.inject({ url: '/silent', signal: leaving.signal });
    await waits.opened;
    leaving.abort(new Error('left'));
    expect(await injected.catch((error: Error) => error.message)).to.equal('left');
    expect(await returned.opened).to.equal('silent');
  });

  it('wait for a client that does not read', async () => {
    const wire = await Wire.open(url);
    wire.pause();
    wire.write('GET /endless HTTP/1.1\r\nHost: test\r\n\r\n');
    // The kernel buffers some megabytes; then the source is not read any more.
    let before = -1;
    await until(
      () => [produced, before],
      ([now, last]) => {
        before = now!;
        return now! > 0 && now === last;
      },
    );
    expect(produced).to.be.lessThan(5_000);
    wire.destroy();
    expect(await returned.opened).to.equal('endless');
  });

  it('end in order after a drain: the client reconnects and has missed nothing', async () => {
    const wire = await opened('/silent', 'data: first');
    const seen = world.observer.seen.length;
    world.app.abandon(new UnavailableError('DRAINING', 'This worker is being replaced.'));
    expect(await aborted.opened).to.include({ code: 'DRAINING' });
    expect(await returned.opened).to.equal('silent');
    const answer = await wire.response();
    expect(answer?.body.toString()).to.equal(':\n\ndata: first\n\n');
    expect(world.observer.seen.slice(seen)).to.containSubset([{ status: 200, error: undefined }]);
    expect([world.app.inFlight, server.unfinished]).to.deep.equal([0, 0]);
    wire.destroy();
  });

  it('are cut when the source fails, so that the client does not take that for the end', async () => {
    const wire = await opened('/fails', 'data: x');
    await wire.closed();
    expect(await wire.response()).to.equal(undefined);
    expect(world.logs.at(-1)).to.deep.include({ msg: 'a streamed response failed' });
  });

  it('are cut at an event that cannot be sent', async () => {
    const wire = await opened('/forged', ':');
    await wire.closed();
    expect(await returned.opened).to.equal('forged');
  });
});
