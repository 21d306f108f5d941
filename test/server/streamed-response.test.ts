// Permits, quotas and deadlines of responses that stream.
import { expect } from 'chai';
import { bench, latch, ManualTicker, settled } from './kit.js';
import { iterator, readable } from './stream-sources.js';

describe('a response that streams', () => {
  it('holds no permit, and counts as a stream of its client until it ends', async () => {
    const finish = latch();
    const { inject, world, quotas } = bench((app) => {
      app.get('/', (ctx) =>
        ctx.stream(
          (async function* () {
            yield 'x';
            await finish.opened;
          })(),
        ),
      );
    });
    world.permits = 1;
    const client = new AbortController();
    const responses = [1, 2, 3].map(() => inject({ url: '/', signal: client.signal }).catch(() => undefined));
    expect([world.permits, quotas.streams.held]).to.deep.equal([1, 3]);
    finish.open();
    await Promise.all(responses);
    expect([world.permits, quotas.streams.held]).to.deep.equal([1, 0]);
  });

  it('ends with any truthy `done`, as the language defines', async () => {
    const ending = (value: unknown): AsyncIterable<never> => {
      let isFirst = true;
      const next = async (): Promise<unknown> => {
        const result = isFirst ? { done: 0, value } : { done: 1 };
        isFirst = false;
        return result;
      };
      return { [Symbol.asyncIterator]: () => ({ next }) } as unknown as AsyncIterable<never>;
    };
    const { inject } = bench((demo) => {
      demo.get('/bytes', (ctx) => ctx.stream(ending('x')));
      demo.get('/events', (ctx) => ctx.sse(ending({ data: 'x' })));
    });
    expect((await inject({ url: '/bytes' })).text()).to.equal('x');
    expect((await inject({ url: '/events' })).text()).to.contain('data: x');
  });

  it('ends at the deadline before its first byte, whatever its handler has returned', async () => {
    for (const isLate of [false, true]) {
      const ticker = new ManualTicker();
      const source = iterator();
      const { app, inject, observer } = bench(
        (demo) =>
          demo.get('/', (ctx) => {
            const sent = ctx.stream(source.pieces);
            return isLate ? settled().then(() => sent) : sent;
          }),
        { ticker, requestTimeoutMs: 1000 },
      );
      const response = inject({ url: '/' }).catch(() => 'cut');
      for (let turns = 0; turns < 5; turns++) await settled();
      ticker.advance(1100);
      expect(await response).to.equal('cut');
      expect(observer.seen.map(({ status }) => status)).to.deep.equal([504]);
      expect([source.isReleased(), app.living().length, app.wheel.size]).to.deep.equal([true, 0, 0]);
    }
  });

  it('has no deadline after its first byte', async () => {
    const ticker = new ManualTicker();
    const finish = latch();
    const { app, inject } = bench(
      (demo) =>
        demo.get('/', (ctx) =>
          ctx.stream(
            (async function* () {
              yield 'x';
              await finish.opened;
              yield 'y';
            })(),
          ),
        ),
      { ticker, requestTimeoutMs: 1000 },
    );
    const response = inject({ url: '/' });
    for (let turns = 0; turns < 5; turns++) await settled();
    expect(app.wheel.size).to.equal(0);
    ticker.advance(1100);
    finish.open();
    expect((await response).text()).to.equal('xy');
  });

  it('is refused with 503 OVERLOADED above the limits, for the process and per address', async () => {
    const { inject, refused } = bench((app) => app.get('/', (ctx) => ctx.stream(readable().pieces)), {
      quotas: { streams: [3, 2] },
    });
    const client = new AbortController();
    const open = (remoteAddress: string) =>
      void inject({ url: '/', remoteAddress, signal: client.signal }).catch(() => undefined);
    const ask = async (remoteAddress: string) => {
      const { status, json } = await inject({ url: '/', remoteAddress });
      return [status, json().code];
    };
    for (let n = 0; n < 2; n++) open('198.51.100.1');
    expect(await ask('198.51.100.1')).to.deep.equal([503, 'OVERLOADED']);
    open('198.51.100.2');
    expect(await ask('198.51.100.3')).to.deep.equal([503, 'OVERLOADED']);
    expect(refused).to.deep.equal(['streams', 'streams']);
    client.abort();
  });
});
