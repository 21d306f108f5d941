import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { PROBLEM_FIELD } from '#src/grpc/status.js';
import { correctTimeout } from '#src/server/grpc/call-heads.js';
import { FrameScan, frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { until } from '#test/support/until.js';
import { endOf, Http2Clients, SERVICE, trailersOf } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

type Item = { readonly name: string };
type Items = AsyncIterable<Item> & AsyncIterator<Item>;

const EMPTY = frameOf(new Uint8Array(0));
/** An item with the name "a". */
const NAMED = frameOf(Buffer.from([0x1a, 1, 0x61]));

describe('a request of gRPC that is not whole', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  const call = (method: string, fields?: object) =>
    clients.request(clients.session(bench!.port), method, fields);
  /** How the last stream of requests has ended. */
  let seen: unknown;
  const readToEnd = async (items: Items): Promise<object> => {
    try {
      for await (const _ of items);
      seen = 'the end';
    } catch (error) {
      seen = error;
      throw error;
    }
    return {};
  };
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => {
    seen = undefined;
    process.on('unhandledRejection', note);
  });
  afterEach(() => {
    clients.close();
    bench?.close();
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).to.deep.equal([]);
  });

  for (const [what, bytes] of [
    ['prefix', EMPTY.subarray(0, 3)],
    ['message', NAMED.subarray(0, 7)],
  ] as const) {
    for (const [before, messages] of [
      ['after a message', [NAMED]],
      ['at once', []],
    ] as const) {
      it(`is refused when it ends within a ${what}, ${before}`, async () => {
        await serve({
          Get: () => expect.fail('it ran'),
          Collect: readToEnd,
        });
        for (const method of ['Get', 'Collect']) {
          const one = call(method);
          one.end(Buffer.concat([...messages, bytes]));
          expect(await endOf(one)).to.deep.equal([3, 'MALFORMED_REQUEST']);
        }
        expect(seen).to.include({ code: 'MALFORMED_REQUEST' });
      });
    }
  }

  for (const [end, status, error] of [
    ['its client resets it', 499, 'CLIENT_CLOSED'],
    ['its client leaves', 499, 'CLIENT_CLOSED'],
    ['the time of its client is over', 504, 'DEADLINE_EXCEEDED'],
  ] as const) {
    it(`is a failed call of its method, and is not served, when ${end}`, async () => {
      const never = (): never => expect.fail('it ran');
      const { observer, quotas, logs, world } = await serve({ Get: never, List: never });
      world.permits = 10;
      const methods = ['Get', 'Get', 'List', 'List'];
      const calls = methods.map((method, at) => {
        const one = call(method, status === 504 ? { 'grpc-timeout': '50m' } : {});
        if (at % 2 === 0) one.write(EMPTY.subarray(0, 3));
        return one;
      });
      if (status === 499) {
        await until(
          () => quotas.bodies.held,
          (held) => held === calls.length,
        );
        for (const one of calls) {
          if (end === 'its client leaves') one.session?.destroy();
          else one.destroy();
        }
      }
      await observer.ended(calls.length);
      await until(
        () => quotas.bodies.held + quotas.bodyBytes.held,
        (held) => held === 0,
      );
      const seen = observer.seen.map((one) => [one.method, one.template, one.status, one.error]);
      const expected = methods.map((method) => ['GRPC', SERVICE + method, status, error]);
      expect(seen).to.have.deep.members(expected);
      expect([observer.begun, world.permits, logs]).to.deep.equal([calls.length, 10, []]);
    });
  }

  it('is not taken for the whole when the time of its method ends', async () => {
    const { observer, logs } = await serve({
      Collect: {
        timeoutMs: 50,
        handler: readToEnd,
      },
    });
    const one = call('Collect');
    one.write(EMPTY);
    expect(await endOf(one)).to.deep.equal([4, 'DEADLINE_EXCEEDED']);
    await observer.ended(1);
    await nextTurn();
    expect(seen).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(JSON.stringify(logs)).not.to.include('a handler failed');
  });

  it('is not taken for the whole by a reader whose handler has responded', async () => {
    let later: Promise<unknown> | undefined;
    await serve({
      Collect: async (items: Items) => {
        await items.next();
        later = items.next().catch((error: Error) => error.message);
        // Nothing waits for this one.
        void items.next();
        return {};
      },
    });
    const one = call('Collect');
    one.write(EMPTY);
    expect((await endOf(one))[0]).to.equal(0);
    expect(await later).to.include('the response is complete');
    await nextTurn();
  });

  it('is BODY_TOO_LARGE, and is counted as that, when its message is too long', async () => {
    let reason: unknown;
    const { observer } = await serve(
      {
        Collect: async (items: Items, ctx: RpcContext) => {
          try {
            for await (const _ of items);
          } catch (error) {
            reason = ctx.signal.reason;
            throw error;
          }
          return {};
        },
      },
      { server: { maxBodyBytes: 1000 } },
    );
    for (const method of ['Get', 'Collect']) {
      const one = call(method);
      one.write(frameOf(new Uint8Array(2000)).subarray(0, 100));
      expect(await endOf(one)).to.deep.equal([8, 'BODY_TOO_LARGE']);
    }
    await observer.ended(2);
    expect(observer.seen.map(({ status, error }) => [status, error])).to.deep.equal([
      [413, 'BODY_TOO_LARGE'],
      [413, 'BODY_TOO_LARGE'],
    ]);
    expect(reason).to.include({ code: 'BODY_TOO_LARGE' });
  });

  it('has all fields of a problem when it is refused while its handler reads the stream', async () => {
    const { observer } = await serve(
      {
        Collect: async (items: Items) => {
          for await (const _ of items);
          return {};
        },
      },
      { quotas: { bodyBytes: [5_000, 5_000] as const } as never },
    );
    const one = call('Collect');
    one.write(frameOf(new Uint8Array(50_000)).subarray(0, 40_000));
    const trailers = await trailersOf(one);
    expect(trailers).to.include({ 'grpc-status': '14', 'x-multilane-code': 'OVERLOADED' });
    expect(trailers).to.include.keys('retry-after', 'x-request-id');
    const problem = JSON.parse(Buffer.from(String(trailers[PROBLEM_FIELD]), 'base64').toString());
    expect(problem).to.include({ status: 503, code: 'OVERLOADED', executed: true });
    expect(problem.instance).to.equal(`urn:multilane:request:${trailers['x-request-id']}`);
    await observer.ended(1);
    expect(observer.seen[0]).to.include({ status: 503, error: 'OVERLOADED' });
  });

  it('is the time of its client from the metadata on, not from its last byte', async () => {
    let reason: unknown;
    await serve({
      Get: (_item: Item, ctx: RpcContext) =>
        new Promise((_resolve, reject) => {
          ctx.signal.addEventListener('abort', () => {
            reason = ctx.signal.reason;
            reject(ctx.signal.reason as Error);
          });
        }),
    });
    const one = call('Get', { 'grpc-timeout': '400m' });
    one.write(EMPTY.subarray(0, 2));
    await new Promise((resolve) => setTimeout(resolve, 200));
    one.end(EMPTY.subarray(2));
    expect((await endOf(one))[0]).to.equal(4);
    await until(
      () => reason,
      (given) => given !== undefined,
    );
    expect(reason).to.include({ code: 'DEADLINE_EXCEEDED' });
  });
});

describe('the time-out that a gRPC client sends', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  it('may be as long as the protocol allows', async () => {
    bench = await rpcBench({ Get: () => nextTurn({}) });
    const session = clients.session(bench.port);
    for (const sent of ['597H', '720H', '1194H', '99999999H', '99999999M', '99999999S', '2147484S']) {
      const one = clients.request(session, 'Get', { 'grpc-timeout': sent });
      one.end(EMPTY);
      expect([sent, ...(await endOf(one))]).to.deep.equal([sent, 0, undefined]);
    }
  });

  it('is left as it is up to the longest time of a timer', () => {
    for (const sent of ['1n', '0S', '2147483S', '596H', '99999999m'])
      expect(correctTimeout(sent)).to.equal(sent);
    expect(correctTimeout('2147484S')).to.equal('2147483S');
    expect(correctTimeout('5')).to.equal(undefined);
  });
});

describe('the scan of frames', () => {
  it('finds the same frames however their bytes are cut into pieces', () => {
    const bytes = Buffer.concat([EMPTY, NAMED, EMPTY, frameOf(new Uint8Array(300))]);
    for (let size = 1; size <= bytes.length; size++) {
      const lengths: number[] = [];
      const scan = new FrameScan((length) => void lengths.push(length));
      for (let at = 0; at < bytes.length; at += size) scan.scan(bytes.subarray(at, at + size));
      expect([lengths, scan.ended, scan.isWithin]).to.deep.equal([[0, 3, 0, 300], 4, false]);
    }
  });
});
