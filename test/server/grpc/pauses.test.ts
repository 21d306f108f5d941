import { once } from 'node:events';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import { until } from '#test/support/until.js';
import { ManualTicker } from '../kit.js';
import { endOf, Http2Clients } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

const KB = 1024;
const EMPTY = frameOf(new Uint8Array(0));
/** Longer than every time-out of the server. */
const PAUSE_MS = 600_000;

describe('a pause of the whole process', () => {
  let bench: RpcBench | undefined;
  let ticker: ManualTicker;
  const clients = new Http2Clients();
  const serve = async (contentBytes: number): Promise<RpcBench> => {
    ticker = new ManualTicker();
    const content = new Uint8Array(contentBytes);
    const handlers = {
      Get: () => ({ content }),
      List: async function* () {
        for (let i = 0; i < 3; i++) yield { content };
      },
      Collect: async (items: AsyncIterable<unknown>) => {
        for await (const _ of items);
        return {};
      },
    };
    bench = await rpcBench(handlers, { ticker });
    return bench;
  };
  const ticking = (): Promise<boolean> =>
    until(
      () => ticker.ticking,
      (isTicking) => isTicking,
    );
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  for (const method of ['Get', 'List']) {
    for (const [what, bytes] of [
      ['short', 20 * KB],
      ['long', 200 * KB],
    ] as const) {
      it(`cuts no client that goes on to take ${what} messages (${method})`, async () => {
        const { port } = await serve(bytes);
        const session = clients.session(port, { settings: { initialWindowSize: 0 } });
        const call = clients.request(session, method);
        const ended = endOf(call);
        const response = once(call, 'response');
        call.end(EMPTY);
        await response;
        await ticking();
        ticker.stall(PAUSE_MS);
        session.settings({ initialWindowSize: 1024 * KB });
        const cut = once(call, 'close').then(() => `closed with ${call.rstCode}`);
        expect(await Promise.race([ended, cut])).to.deep.equal([0, undefined]);
      });
    }
  }

  for (const method of ['Get', '/grpc.health.v1.Health/Check']) {
    it(`refuses no request that goes on to arrive (${method})`, async () => {
      const { port } = await serve(1);
      const call = clients.request(clients.session(port), method);
      call.write(EMPTY.subarray(0, 3));
      await ticking();
      ticker.stall(PAUSE_MS);
      call.end(EMPTY.subarray(3));
      expect(await endOf(call)).to.deep.equal([0, undefined]);
    });
  }
});
