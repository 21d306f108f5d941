import { once } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { until } from '#test/support/until.js';
import { ManualTicker } from '../kit.js';
import { endOf, Http2Clients } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

const KB = 1024;

type Item = { readonly id: string; readonly name: string };

describe('what a gRPC client can make the process hold', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  const session = (options?: Parameters<Http2Clients['session']>[1]): ClientHttp2Session =>
    clients.session(bench!.port, options);
  const request: Http2Clients['request'] = (...args) => clients.request(...args);
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  it('is bounded for messages that do not arrive whole: their bytes count, and are released', async () => {
    const quotas = { bodyBytes: [256 * KB, 256 * KB] as const };
    const { observer } = await serve({ Get: (item: Item) => item }, { quotas: quotas as never });
    const one = session();
    const part = frameOf(new Uint8Array(60 * KB)).subarray(0, 50 * KB);
    const calls = Array.from({ length: 8 }, () => {
      const call = request(one, 'Get');
      call.write(part);
      return call;
    });
    await observer.ended(1);
    const [status, code] = await Promise.any(calls.map(endOf));
    expect([status, code]).to.deep.equal([14, 'OVERLOADED']);
    for (const call of calls) call.close(constants.NGHTTP2_CANCEL);
    await until(
      () => bench!.quotas.bodyBytes.held,
      (held) => held === 0,
    );
  });

  it('is bounded for requests that wait for their message', async () => {
    const { observer } = await serve(
      { Get: (item: Item) => item },
      { quotas: { bodies: [3, 3] as const } as never },
    );
    const one = session();
    const calls = Array.from({ length: 5 }, () => request(one, 'Get'));
    await observer.ended(2);
    expect(observer.seen.map(({ error }) => error)).to.deep.equal(['OVERLOADED', 'OVERLOADED']);
    calls[0]!.end(frameOf(new Uint8Array(0)));
    expect(await endOf(calls[0]!)).to.deep.equal([0, undefined]);
  });

  it('ends a request whose message does not come', async () => {
    await serve({ Get: (item: Item) => item }, { server: { requestTimeoutMs: 50 } });
    const call = request(session(), 'Get');
    expect(await endOf(call)).to.deep.equal([4, 'BODY_TIMEOUT']);
  });

  for (const [what, messages] of [
    ['no message', 0],
    ['two messages', 2],
  ] as const) {
    it(`refuses ${what} for a method with one request`, async () => {
      await serve({ Get: () => expect.fail('it ran') });
      const call = request(session(), 'Get');
      for (let i = 0; i < messages; i++) call.write(frameOf(new Uint8Array(0)));
      call.end();
      expect(await endOf(call)).to.deep.equal([3, 'MALFORMED_REQUEST']);
    });
  }

  it('cuts a call whose client does not take its response, and leaves the other calls of the connection', async () => {
    await serve(
      { Get: ({ name }: Item) => ({ content: new Uint8Array(name === 'large' ? 500 * KB : 1) }) },
      { server: { streamIdleMs: 100 } },
    );
    const one = session({ settings: { initialWindowSize: 0 } });
    const stuck = request(one, 'Get');
    // The field `name` with the text "large".
    stuck.end(frameOf(Buffer.from([0x1a, 5, ...Buffer.from('large')])));
    await once(stuck, 'close');
    expect(stuck.rstCode).to.equal(constants.NGHTTP2_CANCEL);
    expect(one.closed).to.equal(false);
  });

  it('cuts a call whose client does not take its response, also when its deadline has passed before', async () => {
    await serve({ Get: () => ({ content: new Uint8Array(30 * KB) }) }, { server: { streamIdleMs: 300 } });
    const one = session({ settings: { initialWindowSize: 0 } });
    const stuck = request(one, 'Get', { 'grpc-timeout': '50m' });
    stuck.end(frameOf(new Uint8Array(0)));
    await once(stuck, 'close');
    expect(stuck.rstCode).to.equal(constants.NGHTTP2_CANCEL);
  });

  it('cuts a stream whose client does not take its messages', async () => {
    let hasEnded = false;
    await serve(
      {
        List: async function* () {
          try {
            for (;;) yield { content: new Uint8Array(100 * KB) };
          } finally {
            hasEnded = true;
          }
        },
      },
      { server: { streamIdleMs: 100 } },
    );
    const stuck = request(session({ settings: { initialWindowSize: 0 } }), 'List');
    stuck.end(frameOf(new Uint8Array(0)));
    await once(stuck, 'close');
    await until(
      () => hasEnded,
      (isOver) => isOver,
    );
  });

  for (const method of ['List', 'Chat']) {
    it(`is a stream of long messages until its deadline: its handler is told (${method})`, async () => {
      const reasons: unknown[] = [];
      const content = new Uint8Array(100 * KB);
      const endless = async function* (_request: unknown, ctx: RpcContext) {
        ctx.signal.addEventListener('abort', () => reasons.push((ctx.signal.reason as HttpError).code));
        for (;;) yield { content };
      };
      const { observer } = await serve({ List: endless, Chat: endless });
      const stuck = request(session(), method, { 'grpc-timeout': '100m' });
      stuck.pause();
      stuck.end(frameOf(new Uint8Array(0)));
      await observer.ended(1);
      expect(reasons).to.deep.equal(['DEADLINE_EXCEEDED']);
      expect(observer.seen.map(({ status }) => status)).to.deep.equal([504]);
    });
  }

  it('is not the memory of a window of empty messages, which costs more than its bytes', async () => {
    const quotas = { bodyBytes: [8192 * KB, 4096 * KB] };
    const { quotas: held } = await serve(
      {
        Collect: async (items: AsyncIterable<Item>) => {
          await items[Symbol.asyncIterator]().next();
          return new Promise(() => {});
        },
      },
      { quotas: quotas as never },
    );
    const one = session();
    const tiny = Buffer.concat(Array<Buffer>(12_000).fill(Buffer.from(frameOf(new Uint8Array(0)))));
    const ended = await Promise.race(
      Array.from({ length: 10 }, () => {
        const call = request(one, 'Collect');
        call.write(tiny);
        return endOf(call);
      }),
    );
    // In the turn that has read from the session, Node.js 20 would free a stream that is still being read.
    await nextTurn();
    one.destroy();
    expect(ended).to.deep.equal([14, 'OVERLOADED']);
    await until(
      () => held.bodyBytes.held,
      (bytes) => bytes === 0,
    );
  });

  it('is no call that is over before its request is whole: it does not run any more', async () => {
    let runs = 0;
    const { observer, quotas } = await serve({
      Get: () => ({ count: ++runs }),
      List: async function* () {
        runs += 1;
        yield {};
      },
    });
    const one = session();
    for (const method of ['Get', 'List']) {
      for (const encoding of [{}, { 'grpc-encoding': 'gzip' }]) {
        const call = request(one, method, { 'grpc-timeout': '50m', ...encoding });
        call.write(frameOf(new Uint8Array(10)));
        expect((await endOf(call))[0]).to.equal(4);
        call.end();
        await once(call, 'close');
      }
    }
    const after = request(one, 'Get');
    after.end(frameOf(new Uint8Array(0)));
    expect(await endOf(after)).to.deep.equal([0, undefined]);
    expect(runs).to.equal(1);
    expect([observer.begun - observer.seen.length, quotas.bodyBytes.held, quotas.streams.held]).to.deep.equal(
      [0, 0, 0],
    );
  });

  for (const size of [5 * KB, 15 * KB, 60 * KB, 200 * KB]) {
    it(`is bounded for responses that are not read: their bytes count until the stream is gone (${size})`, async () => {
      const share = 25 * size;
      const { observer, quotas } = await serve(
        { Get: () => ({ content: new Uint8Array(size) }) },
        { quotas: { bodyBytes: [2 * share, share] } as never },
      );
      const deaf = session({ settings: { initialWindowSize: 0 } });
      for (let i = 0; i < 100; i++) request(deaf, 'Get').end(frameOf(new Uint8Array(0)));
      await observer.ended(100);
      const refused = observer.seen.filter(({ error }) => error === 'OVERLOADED').length;
      expect(refused).to.be.within(75, 85);
      expect(quotas.bodyBytes.held).to.be.within(share / 2, share);
      deaf.destroy();
      const released = (): Promise<number> =>
        until(
          () => quotas.bodyBytes.held,
          (held) => held === 0,
        );
      expect(await released()).to.equal(0);
      // A client that reads may have more than that in all.
      const one = session();
      for (let i = 0; i < 60; i++) {
        const call = request(one, 'Get');
        call.end(frameOf(new Uint8Array(0)));
        expect(await endOf(call)).to.deep.equal([0, undefined]);
      }
      expect(await released()).to.equal(0);
    });
  }

  it('is not counted for short responses', async () => {
    const { observer, quotas } = await serve({ Get: () => ({ content: new Uint8Array(4000) }) });
    const deaf = session({ settings: { initialWindowSize: 0 } });
    for (let i = 0; i < 100; i++) request(deaf, 'Get').end(frameOf(new Uint8Array(0)));
    await observer.ended(100);
    // The requests count, with a few bytes each, until their calls are over.
    expect(quotas.bodyBytes.held).to.be.below(10 * KB);
  });

  it('is a stream until its deadline: its handler is told, although its client takes nothing', async () => {
    const reasons: unknown[] = [];
    let hasEnded = false;
    const { observer } = await serve({
      List: async function* (_item: Item, ctx: RpcContext) {
        ctx.signal.addEventListener('abort', () => reasons.push((ctx.signal.reason as HttpError).code));
        try {
          for (;;) yield { content: new Uint8Array(10 * KB) };
        } finally {
          hasEnded = true;
        }
      },
    });
    const one = session({ settings: { initialWindowSize: 0 } });
    const stuck = request(one, 'List', { 'grpc-timeout': '100m' });
    stuck.end(frameOf(new Uint8Array(0)));
    await observer.ended(1);
    await until(
      () => hasEnded,
      (isOver) => isOver,
    );
    expect(reasons).to.deep.equal(['DEADLINE_EXCEEDED']);
    expect(stuck.closed).to.equal(false);
  });

  for (const method of ['Get', 'List']) {
    it(`leaves a client alone that takes a long message slowly but steadily (${method})`, async () => {
      const content = new Uint8Array(300 * KB);
      const ticker = new ManualTicker();
      const { observer } = await serve(
        {
          Get: () => ({ content }),
          List: async function* () {
            yield { content };
          },
        },
        { server: { streamIdleMs: 1000 }, ticker },
      );
      const call = request(session(), method);
      let [taken, most] = [0, 0];
      let trailers: unknown;
      // The flow control lets the server send 64 KiB more than the client has taken.
      call.on('data', (piece: Uint8Array) => {
        taken += piece.byteLength;
        if (taken >= most) call.pause();
      });
      call.on('trailers', (fields) => {
        trailers = fields;
      });
      call.end(frameOf(new Uint8Array(0)));
      await once(call, 'response');
      // Six periods of 400 ms: none of them is idle, all of them together are.
      while (trailers === undefined && !call.closed) {
        most += 50 * KB;
        call.resume();
        await until(
          () => taken >= most || trailers !== undefined || call.closed,
          (isReady) => isReady,
        );
        await until(
          () => ticker.ticking || trailers !== undefined || call.closed,
          (isReady) => isReady,
        );
        ticker.advance(400);
      }
      expect(call.rstCode).to.equal(constants.NGHTTP2_NO_ERROR);
      expect(trailers).to.include({ 'grpc-status': '0' });
      await observer.ended(1);
    });
  }

  it('is not what a client sends when its call is over: it is told to stop', async () => {
    await serve({ Collect: () => ({}) });
    const call = request(session(), 'Collect');
    call.write(frameOf(new Uint8Array(0)));
    expect(await endOf(call)).to.deep.equal([0, undefined]);
    const closed = once(call, 'close');
    for (let i = 0; i < 10 && !call.closed; i++) call.write(frameOf(new Uint8Array(20 * KB)));
    await closed;
    expect(call.rstCode).to.equal(constants.NGHTTP2_NO_ERROR);
  });

  it('is nothing after a thousand calls that were cut at every stage', async () => {
    const { observer, world, quotas } = await serve({
      Get: (_item: Item, ctx: RpcContext) =>
        new Promise((_resolve, reject) => {
          ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
        }),
      Collect: async (items: AsyncIterable<Item>) => {
        for await (const _ of items);
        return {};
      },
    });
    world.permits = 5_000;
    for (let round = 0; round < 10; round++) {
      const one = session();
      const calls = Array.from({ length: 100 }, (_, at) => {
        const call = request(one, at % 2 === 0 ? 'Get' : 'Collect');
        const frame = frameOf(new Uint8Array(0));
        if (at % 5 === 1) call.write(frame.subarray(0, 3));
        if (at % 5 === 2) call.write(frame);
        if (at % 5 === 3) call.end(frame);
        return call;
      });
      await nextTurn();
      for (const call of calls) call.close(constants.NGHTTP2_CANCEL);
      one.destroy();
    }
    await until(
      () => [world.permits, observer.begun - observer.seen.length, bench!.server.connections],
      ([permits, running, connections]) => permits === 5_000 && running === 0 && connections === 0,
    );
    expect([quotas.bodies.held, quotas.bodyBytes.held, quotas.streams.held]).to.deep.equal([0, 0, 0]);
  });

  it('is the time of one connection for a client that resets its calls all the time', async () => {
    await serve({ Get: (item: Item) => item });
    const one = session();
    one.on('goaway', () => {});
    for (let i = 0; i < 5_000 && !one.closed && !one.destroyed; i++) {
      request(one, 'Get').close(constants.NGHTTP2_CANCEL);
      if (i % 100 === 0) await nextTurn();
    }
    if (!one.destroyed) await once(one, 'close');
    // The others go on.
    const call = request(session(), 'Get');
    call.end(frameOf(new Uint8Array(0)));
    expect(await endOf(call)).to.deep.equal([0, undefined]);
  });
});
