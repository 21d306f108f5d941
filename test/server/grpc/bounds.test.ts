import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { until } from '#test/support/until.js';
import { type RpcBench, rpcBench } from './kit.js';

const KB = 1024;
const PATH = '/multilane.test.v1.Everything/';

type Item = { readonly id: string; readonly name: string };

/** Clients that write HTTP/2 themselves, because clients of gRPC do not behave badly enough. */
describe('what a gRPC client can make the process hold', () => {
  let bench: RpcBench | undefined;
  const sessions: ClientHttp2Session[] = [];
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  const session = (options: Parameters<typeof connect>[1] = {}): ClientHttp2Session => {
    const made = connect(`http://127.0.0.1:${bench!.port}`, options ?? {});
    made.on('error', () => {});
    sessions.push(made);
    return made;
  };
  const request = (on: ClientHttp2Session, method: string, fields: object = {}): ClientHttp2Stream => {
    const made = on.request({
      ':method': 'POST',
      ':path': PATH + method,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...fields,
    });
    made.on('error', () => {});
    made.resume();
    return made;
  };
  /** The status of a call and its code of the runtime. */
  const endOf = async (call: ClientHttp2Stream): Promise<readonly [status: unknown, code: unknown]> => {
    const [fields] = (await Promise.race([
      once(call, 'trailers'),
      once(call, 'response').then(([head]: unknown[]) =>
        (head as Record<string, unknown>)['grpc-status'] === undefined ? once(call, 'trailers') : [head],
      ),
    ])) as [Record<string, unknown>];
    return [Number(fields['grpc-status']), fields['x-multilane-code']];
  };
  afterEach(() => {
    for (const one of sessions.splice(0)) one.destroy();
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
