// What the end of a thread shows about the instances that its calls had: nothing, wherever the calls were.
import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import type { AttemptOutcome } from '#src/resilience/policy.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { NOT_WATCHED } from '#src/upstream/outliers.js';
import { ThreadEndsError } from '#src/upstream/transport-errors.js';
import { until } from '#test/support/until.js';
import { setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';
import { http2Peer, tcpPeer } from './rpc-peer.js';
import { senderTo } from './rpc-sender.js';

const CALLS = 25;
const CONNECTIONS = 5;
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );

describe('calls of a thread that ends', () => {
  const upstreams = new RealUpstreams();
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await upstreams.close();
  });

  /** What the calls wait for, by instances that let them. */
  const waits: Readonly<Record<string, () => Promise<Partial<Endpoint>>>> = {
    'the head of the response': async () => ({ port: await upstreams.serve(() => undefined) }),
    'the body': async () => ({
      port: await upstreams.serve((_request, response) => void response.write('half')),
    }),
    'a TLS handshake': async () => ({
      port: await upstreams.serveRaw(() => undefined),
      metadata: { scheme: 'https' },
    }),
  };
  for (const [wait, serve] of Object.entries(waits)) {
    for (const stream of [false, true]) {
      const kind = stream ? 'streamed' : 'whole';
      it(`count for no instance: ${kind} calls that wait for ${wait}, or a connection, or begin later`, async () => {
        const one = endpoint('a', { slot: 1, ...(await serve()) });
        const http = new HttpTransport({ connections: CONNECTIONS });
        const reached: AttemptOutcome[] = [];
        const { call, breaker, observed } = setUp([one], () => expect.fail('there is a transport'), {
          transports: { http },
          streams: http,
          outliers: { ...NOT_WATCHED, ended: (_endpoint, outcome) => void reached.push(outcome) },
        });
        const read = async (): Promise<unknown> => {
          if (!stream) return call('orders').get('/', { retries: 3 });
          return new Response((await call('orders').get('/', { retries: 3, stream })).body).text();
        };
        const calls = Array.from({ length: CALLS }, () => rejection(read()));
        await until(
          () => upstreams.sockets.size,
          (open) => open === CONNECTIONS,
        );
        expect(http.waiting).to.equal(CALLS - CONNECTIONS);
        await http.close();
        for (const error of await Promise.all([...calls, rejection(read())]))
          expect(error).to.be.instanceOf(ThreadEndsError);
        expect(observed.length, 'no call was repeated').to.equal(CALLS + 1);
        expect(reached).to.not.include('failure');
        expect(breaker.state(1)).to.include({ state: 'closed', failures: 0 });
      });
    }
  }

  it('count for no instance by gRPC, either', async () => {
    let arrived = 0;
    const held = await http2Peer(() => arrived++, { maxConcurrentStreams: 1 });
    const silent = await tcpPeer();
    closers.push(
      () => held.close(),
      () => silent.close(),
    );
    for (const [port, streams] of [
      [held.port, 16],
      [silent.port, 0],
    ] as const) {
      const { send, transport } = senderTo(port);
      const calls = Array.from({ length: CALLS }, () => send());
      await until(
        () => arrived,
        (count) => count >= streams,
      );
      await transport.close();
      for (const { result, verdict } of [...calls, send()]) {
        expect(await result)
          .to.have.property('error')
          .that.is.instanceOf(ThreadEndsError);
        expect(await verdict).to.include({ outcome: 'ignored', reached: 'ignored', mayRepeat: false });
      }
    }
  });
});
