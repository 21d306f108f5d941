// Calls whose clients take nothing of the response, whatever they do with the request.
import { once } from 'node:events';
import { constants } from 'node:http2';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import { until } from '#test/support/until.js';
import { Http2Clients } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

const LIMITS = { requestTimeoutMs: 200, streamIdleMs: 400 };
const RESPONSE = { name: 'x'.repeat(50_000) };
const MESSAGE = frameOf(Buffer.from([0x1a, 1, 0x61]));

describe('a response of which a client takes nothing', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  for (const method of ['Get', 'List', 'Collect', 'Chat'])
    for (const timeout of [undefined, '100m'])
      for (const how of ['ends', 'does not end', 'goes on with']) {
        const title = `of ${method}, ${timeout ?? 'no'} grpc-timeout, a client that ${how} its request`;
        it(`is reset, and nothing of it is held: ${title}`, async () => {
          bench = await rpcBench(
            {
              Get: () => RESPONSE,
              async *List() {
                yield RESPONSE;
              },
              Collect: () => ({ names: [RESPONSE.name] }),
              async *Chat() {
                yield RESPONSE;
              },
            },
            { server: LIMITS },
          );
          const session = clients.session(bench.port, { settings: { initialWindowSize: 0 } });
          const call = clients.request(session, method, {
            ...(timeout !== undefined && { 'grpc-timeout': timeout }),
          });
          call.write(MESSAGE);
          if (how === 'ends') call.end();
          // More than what is read and thrown away behind the end of a call.
          if (how === 'goes on with' && method !== 'Get' && method !== 'List')
            call.write(frameOf(new Uint8Array(200_000)));
          await once(call, 'close');
          expect(call.rstCode).to.not.equal(undefined);
          if (how === 'ends' && timeout === undefined)
            expect(call.rstCode).to.equal(constants.NGHTTP2_CANCEL);
          await until(
            () => [bench!.app.inFlight, bench!.quotas.bodyBytes.held, bench!.quotas.bodies.held],
            (held) => held.every((count) => count === 0),
          );
        });
      }
});
