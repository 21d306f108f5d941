import { once } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { connect } from 'node:net';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import { channelOptions } from '#src/server/grpc/server-options.js';
import { until } from '#test/support/until.js';
import { endOf, Http2Clients } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

const EMPTY = frameOf(new Uint8Array(0));
const WATCH = '/grpc.health.v1.Health/Watch';

describe('the connections of a gRPC server', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  it('are admitted by the gate, and each leaves it once', async () => {
    const gate = { open: 0, enter: () => gate.open < 2 && ++gate.open > 0, leave, givesUp: () => false };
    function leave(): void {
      gate.open -= 1;
    }
    const { port, server } = await serve({}, { gate });
    for (let round = 0; round < 3; round++) {
      const admitted = [clients.session(port), clients.session(port)];
      await Promise.all(admitted.map((one) => once(one, 'remoteSettings')));
      const refused = clients.session(port);
      await once(refused, 'close');
      expect([gate.open, server.connections]).to.deep.equal([2, 2]);
      for (const one of admitted) one.destroy();
      const left = await until(
        () => gate.open,
        (open) => open === 0,
      );
      expect([left, server.connections]).to.deep.equal([0, 0]);
    }
  });

  it('have at most 100 calls at a time', async () => {
    const { port } = await serve({});
    const [settings] = (await once(clients.session(port), 'remoteSettings')) as [object];
    expect(settings).to.include({ maxConcurrentStreams: 100 });
  });

  it('are asked for a sign of life after a silent minute', () => {
    expect(channelOptions({ maxBodyBytes: 1 })).to.include({
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
    });
  });

  describe('from one address', () => {
    const sessionFrom = (localAddress: string): ClientHttp2Session => {
      const { port } = bench!;
      return clients.session(port, {
        createConnection: () => connect({ port, host: '127.0.0.1', localAddress }),
      });
    };
    /** Sends as much of a call as makes it hold something. */
    type Send = (session: ClientHttp2Session) => ReturnType<Http2Clients['request']>;
    const partial: Send = (session) => {
      const call = clients.request(session, 'Get');
      call.write(frameOf(new Uint8Array(50_000)).subarray(0, 40_000));
      return call;
    };
    const streaming =
      (method: string): Send =>
      (session) => {
        const call = clients.request(session, method);
        call.end(EMPTY);
        return call;
      };
    const endless = async function* () {
      yield {};
      await new Promise(() => {});
    };

    for (const [what, quota, units, send] of [
      ['requests that are pending', 'bodies', 1, partial],
      ['bytes of requests', 'bodyBytes', 40_000, partial],
      ['streams', 'streams', 1, streaming('List')],
      ['streams of the library', 'streams', 1, streaming(WATCH)],
    ] as const) {
      it(`hold no more than a share of the ${what}`, async () => {
        // All loose units together are an eighth of a share.
        const share = Math.ceil(2.5 * units);
        const plenty = { bodies: [99, 99], bodyBytes: [1e9, 1e9], streams: [99, 99] };
        const { quotas } = await serve(
          { Get: () => ({}), List: endless },
          { quotas: { ...plenty, [quota]: [100 * share, share] } as never },
        );
        const session = sessionFrom('127.0.0.1');
        const calls = Array.from({ length: 6 }, () => send(session));
        expect(await Promise.race(calls.map(endOf))).to.deep.equal([14, 'OVERLOADED']);
        const held = await until(
          () => quotas[quota].held,
          (held) => held > 0 && held <= share,
        );
        expect(held).to.be.within(1, share);
        send(sessionFrom('127.0.0.2'));
        const more = (Math.floor(share / units) + 1) * units;
        const withOther = await until(
          () => quotas[quota].held,
          (now) => now >= more,
        );
        expect(withOther).to.be.at.least(more);
      });
    }
  });

  it('stay when a call is cut, at once, that sends too much and does not take its response', async () => {
    const { port } = await serve(
      {
        Chat: async function* (items: AsyncIterable<unknown>) {
          const read = async (): Promise<void> => {
            for await (const _ of items);
          };
          void read().catch(() => undefined);
          yield { content: new Uint8Array(200_000) };
        },
      },
      { server: { maxBodyBytes: 300_000 } },
    );
    const session = clients.session(port, { settings: { initialWindowSize: 0 } });
    const call = clients.request(session, 'Chat');
    const response = once(call, 'response');
    const closed = new Promise((resolve) => void call.once('close', resolve));
    call.write(EMPTY);
    await response;
    call.write(frameOf(new Uint8Array(400_000)).subarray(0, 100));
    await closed;
    expect(call.rstCode).to.equal(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(session.closed).to.equal(false);
  });
});
