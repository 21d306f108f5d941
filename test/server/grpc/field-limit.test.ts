import type { ClientHttp2Session } from 'node:http2';
import { expect } from 'chai';
import { MAX_FIELDS } from '#src/grpc/field-limit.js';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { endOf, Http2Clients } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

/** Entries of the map `details` without a key and a value, each of which is two fields. */
const MANY = frameOf(Buffer.alloc(MAX_FIELDS, Buffer.from([0x3a, 0])));

describe('a request by gRPC with few bytes and many fields', () => {
  const clients = new Http2Clients();
  let bench: RpcBench | undefined;
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  it('is BODY_TOO_LARGE, for one request and in a stream, and leaves the connection to others', async () => {
    const received: string[] = [];
    let failure: unknown;
    bench = await rpcBench({
      Get: ({ name }: { name: string }) => {
        received.push(name);
        return {};
      },
      Collect: async (items: AsyncIterable<{ name: string }>, _ctx: RpcContext) => {
        try {
          for await (const { name } of items) received.push(name);
        } catch (error) {
          failure = error;
          throw error;
        }
        return {};
      },
    } as never);
    const session: ClientHttp2Session = clients.session(bench.port);
    for (const method of ['Get', 'Collect']) {
      const call = clients.request(session, method);
      call.end(MANY);
      expect(await endOf(call)).to.deep.equal([8, 'BODY_TOO_LARGE']);
    }
    expect(failure).to.include({
      code: 'BODY_TOO_LARGE',
      message: 'The request has more than 1000000 fields.',
    });
    const next = clients.request(session, 'Get');
    next.end(frameOf(Buffer.from([0x1a, 1, 0x61])));
    expect((await endOf(next))[0]).to.equal(0);
    expect(received).to.deep.equal(['a']);
  });
});
