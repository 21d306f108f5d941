import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { bench, latch, ManualTicker, settled } from './kit.js';

describe('a deadline', () => {
  const slow = (timeoutMs: number) => {
    const ticker = new ManualTicker();
    const entered = latch<Context>();
    const finish = latch<unknown>();
    const world = bench(
      (app) => {
        app.get('/', { timeoutMs }, async (ctx) => {
          entered.open(ctx as Context);
          return finish.opened;
        });
      },
      { ticker },
    );
    return { ...world, ticker, entered, finish };
  };

  it('that passes is a 504, aborts the signal and drops the late response of the handler', async () => {
    const { inject, ticker, entered, finish, observer, app, logs } = slow(1000);
    const answer = inject({ url: '/' });
    const ctx = await entered.opened;
    expect(ctx.signal.aborted).to.equal(false);
    ticker.advance(1020);
    const { status, json } = await answer;
    expect([status, json().code]).to.deep.equal([504, 'DEADLINE_EXCEEDED']);
    expect([ctx.signal.aborted, ctx.signal.reason.code]).to.deep.equal([true, 'DEADLINE_EXCEEDED']);
    finish.open({ late: true });
    await settled();
    expect(observer.seen.map(({ status: seen }) => seen)).to.deep.equal([504]);
    expect([app.inFlight, app.wheel.size, logs.length]).to.deep.equal([0, 0, 0]);
  });

  it('that is kept leaves no alarm behind', async () => {
    const { inject, entered, finish, app } = slow(1000);
    const answer = inject({ url: '/' });
    await entered.opened;
    expect(app.wheel.size).to.equal(1);
    finish.open('in time');
    expect((await answer).text()).to.equal('in time');
    expect(app.wheel.size).to.equal(0);
  });

  it('is that of the caller when it is shorter, and never when it is longer', async () => {
    const { inject } = bench((app) => {
      app.get('/', { timeoutMs: 1000 }, (ctx) => Math.ceil(ctx.deadline.remainingMs() / 100));
    });
    const remaining = async (value: string) =>
      (await inject({ url: '/', headers: { 'x-request-deadline': value }, inProcess: true })).text();
    expect(await remaining('200')).to.equal('2');
    for (const value of ['9999999', '', '-1', 'x', '1.5'])
      expect(await remaining(value), value).to.equal('10');
    expect(await remaining('0')).to.include('DEADLINE_EXCEEDED');
  });
});

describe('a client that leaves', () => {
  it('aborts the signal; the request is counted as 499 and its permit kept until the handler ends', async () => {
    const entered = latch<Context>();
    const finish = latch<unknown>();
    const { inject, observer, world, app, logs } = bench((demo) => {
      demo.get('/', async (ctx) => {
        entered.open(ctx as Context);
        await finish.opened;
        ctx.signal.throwIfAborted();
      });
    });
    world.permits = 1;
    const client = new AbortController();
    const answer = inject({ url: '/', signal: client.signal }).catch((reason: unknown) => reason);
    const ctx = await entered.opened;
    client.abort('left');
    expect(await answer).to.equal('left');
    expect(ctx.signal.aborted).to.equal(true);
    expect(observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
    expect([world.permits, app.inFlight]).to.deep.equal([0, 1]);
    finish.open(undefined);
    await settled();
    expect([world.permits, app.inFlight, logs.length]).to.deep.equal([1, 0, 0]);
  });

  it('ends a stream and lets its source end', async () => {
    const client = new AbortController();
    const ended = latch();
    const { inject, observer } = bench((app) => {
      app.get('/', (ctx) =>
        ctx.stream(
          (async function* () {
            try {
              for (;;) {
                yield 'x';
                await settled();
                client.abort('left');
              }
            } finally {
              ended.open();
            }
          })(),
        ),
      );
    });
    expect(await inject({ url: '/', signal: client.signal }).catch((reason: unknown) => reason)).to.equal(
      'left',
    );
    await ended.opened;
    expect(observer.seen[0]).to.include({ status: 499 });
  });
});

onCores('a handler that waits for its body', (core) => {
  it('gets the reason as an error: its deadline, or that the client has left', async () => {
    const ticker = new ManualTicker();
    const reasons: unknown[] = [];
    const { app } = bench(
      (demo) =>
        demo.post('/', { timeoutMs: 1000 }, (ctx) =>
          ctx.readText().catch((error: { code: unknown }) => {
            reasons.push(error.code);
            throw error;
          }),
        ),
      { ticker },
    );
    const server = core.serverOf(app);
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    const begun = async (): Promise<Wire> => {
      const wire = await Wire.open(url);
      wire.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
      while (app.wheel.size < 2) await settled();
      return wire;
    };
    const late = await begun();
    ticker.advance(1020);
    expect((await late.response())?.status).to.equal(504);
    const left = await begun();
    left.destroy();
    while (reasons.length < 2) await settled();
    expect(reasons).to.deep.equal(['DEADLINE_EXCEEDED', 'CLIENT_CLOSED']);
    server.close();
  });
});
