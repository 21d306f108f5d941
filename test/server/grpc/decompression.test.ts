import { randomBytes } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { Decompression } from '#src/server/grpc/rpc-decompression.js';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { until } from '#test/support/until.js';
import { endOf, Http2Clients } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

const KB = 1024;
type Item = { readonly name: string; readonly content: Uint8Array };

const flagged = (contents: Uint8Array): Buffer => {
  const frame = Buffer.from(frameOf(contents));
  frame[0] = 1;
  return frame;
};
const gzipped = (message: Uint8Array): Buffer => flagged(gzipSync(message));
const GZIP = { 'grpc-encoding': 'gzip' };

async function readAll(items: AsyncIterable<Item>): Promise<object> {
  for await (const _ of items);
  return {};
}

describe('compressed messages', () => {
  let bench: RpcBench;
  const clients = new Http2Clients();
  afterEach(() => {
    clients.close();
    bench.close();
  });
  const encode = (item: object): Uint8Array =>
    bench.methods.get('/multilane.test.v1.Everything/Get')!.request.encode(item);
  /** The status of a call with these frames. */
  const end = (method: string, frames: readonly Uint8Array[], fields: object = GZIP) => {
    const call = clients.request(clients.session(bench.port), method, fields);
    call.end(Buffer.concat(frames));
    return endOf(call);
  };
  const released = () =>
    until(
      () => bench.quotas.bodyBytes.held,
      (held) => held === 0,
    );
  const quotas = { bodyBytes: [4096 * KB, 2048 * KB] } as never;

  it('count with what they decompress to: a bomb is refused before its memory is used', async () => {
    bench = await rpcBench(
      {
        Get: () => ({}),
        Collect: readAll,
      },
      { quotas },
    );
    const bomb = gzipped(encode({ content: new Uint8Array(1e6) }));
    expect(await end('Collect', [bomb, bomb, bomb])).to.deep.equal([14, 'OVERLOADED']);
    expect(await end('Get', [bomb])).to.deep.equal([0, undefined]);
    expect(await end('Get', [gzipped(new Uint8Array(2e6))])).to.deep.equal([8, 'BODY_TOO_LARGE']);
    await released();
  });

  it('of a hundred calls at a time are served, because none counts with more than it needs', async () => {
    bench = await rpcBench({ Get: ({ name }: Item) => ({ count: name.length }) }, { quotas });
    const one = clients.session(bench.port);
    // Each of them might decompress to 330 KB as far as its length tells.
    const frame = gzipped(encode({ name: randomBytes(150).toString('hex').repeat(20) }));
    const calls = Array.from({ length: 100 }, () => {
      const call = clients.request(one, 'Get', GZIP);
      call.end(frame);
      return endOf(call);
    });
    for (const ended of await Promise.all(calls)) expect(ended).to.deep.equal([0, undefined]);
    await released();
  });

  it('arrive in order, also among others', async () => {
    const names: string[] = [];
    bench = await rpcBench({
      Collect: async (items: AsyncIterable<Item>) => {
        for await (const { name } of items) names.push(name.slice(0, 3));
        return {};
      },
    });
    const sent = Array.from({ length: 60 }, (_, at) => String(at).padStart(3, '0'));
    const frames = sent.map((name, at) => {
      // Large ones take longer than the small ones behind them.
      const message = encode({ name: at % 7 === 0 ? name.repeat(20_000) : name });
      return at % 3 === 0 ? frameOf(message) : gzipped(message);
    });
    expect(await end('Collect', frames)).to.deep.equal([0, undefined]);
    expect(names).to.deep.equal(sent);
    expect(
      await end('Collect', [flagged(deflateSync(encode({ name: 'abc' })))], { 'grpc-encoding': 'deflate' }),
    ).to.deep.equal([0, undefined]);
  });

  it('that are none end their call with the error of the contract', async () => {
    bench = await rpcBench({ Get: () => ({}), Collect: readAll });
    const whole = gzipSync(encode({ name: 'x'.repeat(1000) }));
    for (const broken of [Buffer.from('no gzip'), whole.subarray(0, 20), whole.subarray(0, -9)]) {
      for (const method of ['Get', 'Collect']) {
        expect(await end(method, [flagged(broken)])).to.deep.equal([3, 'MALFORMED_REQUEST']);
      }
    }
    await released();
  });

  it('of calls that are over while they wait are not decompressed, and nothing is kept of them', async () => {
    let begun = 0;
    const left: unknown[] = [];
    bench = await rpcBench({
      Collect: (items: AsyncIterable<Item>, ctx: RpcContext) => {
        begun += 1;
        ctx.signal.addEventListener('abort', () => left.push(1));
        // Clients of Node.js end a stream before they reset it.
        return readAll(items).then(() => new Promise(() => {}));
      },
    });
    const one = clients.session(bench.port);
    const frame = gzipped(encode({ content: new Uint8Array(1e6) }));
    const calls = Array.from({ length: 50 }, () => {
      const call = clients.request(one, 'Collect', GZIP);
      call.write(frame);
      return call;
    });
    await until(
      () => begun,
      (count) => count === 50,
    );
    for (const call of calls) call.close(8);
    await until(
      () => left.length,
      (count) => count === 50,
    );
    await released();
  });
});

describe('Decompression', () => {
  it('works on four messages at a time, the others in order, and goes on after failures', async () => {
    const decompression = new Decompression(1e6);
    const begun: number[] = [];
    const results = Array.from({ length: 40 }, (_, at) => {
      const message = at % 5 === 0 ? Buffer.from('broken') : gzipSync(Buffer.alloc(100_000, at));
      return decompression.run(message, 'gzip', (bytes) => {
        if (bytes === 0) begun.push(at);
        if (at % 5 === 1 && bytes > 0) throw new HttpError('OVERLOADED', 'no memory');
      });
    });
    expect(begun).to.have.lengthOf(4);
    const ended = await Promise.allSettled(results);
    expect(begun)
      .to.deep.equal(begun.toSorted((a, b) => a - b))
      .and.have.lengthOf(40);
    const codes = ended.map((one) =>
      one.status === 'fulfilled' ? one.value.byteLength : (one.reason as HttpError).code,
    );
    const expected = ['MALFORMED_REQUEST', 'OVERLOADED', 100_000, 100_000, 100_000];
    expect(codes).to.deep.equal(Array.from({ length: 8 }, () => expected).flat());
  });
});
