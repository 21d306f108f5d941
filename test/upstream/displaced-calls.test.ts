// Calls that wait for a connection to an instance which takes no more calls: another one is picked for them.
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { MethodIndex } from '#src/grpc/method-index.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { Balancer } from '#src/upstream/balancer.js';
import type { ServiceClient } from '#src/upstream/call.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { DisplacedError } from '#src/upstream/transport-errors.js';
import { METHODS } from '#test/conformance/transport-callee.js';
import { until } from '#test/support/until.js';
import { setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';
import { roundRobinPicker } from './round-robin.js';
import { http2Peer, respond } from './rpc-peer.js';

const CALLS = 60;
const CONNECTIONS = 5;
/** How many calls an instance gets that holds them. By gRPC it has one on each connection of its pool. */
const MOST = { http: CONNECTIONS, grpc: 16 } as const;
type Transports = readonly [HttpTransport, GrpcTransport];

describe('calls that wait for a connection to an instance', () => {
  const upstreams = new RealUpstreams();
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await upstreams.close();
  });

  interface Instance {
    readonly port: number;
    /** How many calls it has got. */
    readonly arrived: () => number;
    /** Responds to all calls that were held. */
    readonly finish: () => void;
  }

  /** @param holds whether it responds to no call before `finish` */
  async function instance(protocol: Endpoint['protocol'], holds: boolean): Promise<Instance> {
    const held: (() => void)[] = [];
    let arrived = 0;
    const take = (end: () => void): void => {
      arrived++;
      if (holds) held.push(end);
      else end();
    };
    const finish = (): void => {
      for (const end of held.splice(0)) end();
    };
    if (protocol === 'http') {
      const port = await upstreams.serve((_request, response) => take(() => response.end('x')));
      return { port, arrived: () => arrived, finish };
    }
    const trailers = { 'grpc-status': '0' };
    const peer = await http2Peer((stream) => take(() => respond(stream, [new Uint8Array(0)], trailers)), {
      maxConcurrentStreams: holds ? 1 : CALLS,
    });
    closers.push(() => peer.close());
    return { port: peer.port, arrived: () => arrived, finish };
  }

  /** A caller of two instances, and what happens to the first. */
  function calling(endpoints: readonly Endpoint[]) {
    const seen = { endpoints, ejected: 0, version: 0 };
    const http = new HttpTransport({ connections: CONNECTIONS });
    const grpc = new GrpcTransport();
    closers.push(
      () => http.close(),
      () => grpc.close(),
    );
    const balancer = new Balancer({
      endpoints: () => seen.endpoints,
      picker: roundRobinPicker,
      statuses: {
        version: () => seen.version,
        of: (slot) => ({ share: slot === seen.ejected ? 0 : 1, forMs: Number.POSITIVE_INFINITY }),
      },
      clock: () => 0,
      random: () => 0,
    });
    const kit = setUp(endpoints, () => expect.fail('there is a transport'), {
      balancer,
      transports: { http, grpc },
      streams: http,
      methods: { of: () => new MethodIndex('orders', METHODS) },
      budget: {
        deposit() {},
        hasToken: () => true,
        withdraw: () => expect.fail('it took a token of the budget'),
      },
    });
    const look = () => {
      for (const transport of [http, grpc]) transport.reconsider((one) => balancer.offers(one));
    };
    return { ...kit, seen, look, transports: [http, grpc] as Transports };
  }

  const kinds: Readonly<
    Record<string, readonly [Endpoint['protocol'], (to: ServiceClient) => Promise<unknown>]>
  > = {
    'a call': ['http', async (to) => expect((await to.post('/', { retries: 0 })).status).to.equal(200)],
    'a streamed call': [
      'http',
      async (to) => new Response((await to.post('/', { retries: 0, stream: true })).body).text(),
    ],
    'a call by gRPC': ['grpc', (to) => to.grpc('Any', new Uint8Array(), { retries: 0 })],
  };
  const events: Readonly<Record<string, (of: ReturnType<typeof calling>) => void>> = {
    leaves({ seen, transports }) {
      const [left, ...others] = seen.endpoints;
      seen.endpoints = others;
      for (const transport of transports) transport.leave(left!);
    },
    drains({ seen, look }) {
      seen.endpoints = seen.endpoints.map((one, at) => (at === 0 ? { ...one, state: 'draining' } : one));
      look();
    },
    'becomes unhealthy'({ seen, look }) {
      seen.endpoints = seen.endpoints.map((one, at) => (at === 0 ? { ...one, state: 'unhealthy' } : one));
      look();
    },
    'is ejected'({ seen, look }) {
      seen.ejected = seen.endpoints[0]!.slot;
      seen.version++;
      look();
    },
  };

  for (const [kind, [protocol, make]] of Object.entries(kinds))
    for (const [event, happens] of Object.entries(events))
      it(`go to another one at once when it ${event}: ${kind}`, async () => {
        const [full, idle] = [await instance(protocol, true), await instance(protocol, false)];
        const most = MOST[protocol];
        const both = [full, idle].map(({ port }, at) =>
          endpoint('ab'[at]!, { port, slot: at + 1, protocol }),
        );
        const world = calling(both);
        const calls = Array.from({ length: CALLS }, () => make(world.call('orders')));
        await until(full.arrived, (count) => count === most);
        happens(world);
        await until(idle.arrived, (count) => count === CALLS - most);
        full.finish();
        await Promise.all(calls);
        expect(full.arrived(), 'none was sent to it later').to.equal(most);
        expect(world.breaker.state(1)).to.include({ state: 'closed', failures: 0 });
      });

  it('fail with NO_INSTANCE, and were not executed, when it leaves and was the last', async () => {
    const full = await instance('http', true);
    const world = calling([endpoint('a', { port: full.port, slot: 1 })]);
    const calls = Array.from({ length: CALLS }, () =>
      world
        .call('orders')
        .post('/')
        .catch((error: unknown) => error),
    );
    await until(full.arrived, (count) => count === CONNECTIONS);
    events.leaves!(world);
    full.finish();
    const codes = (await Promise.all(calls)).map((end) => (end as { code?: string }).code);
    expect(codes.filter((code) => code === 'NO_INSTANCE').length).to.equal(CALLS - CONNECTIONS);
    expect(codes.filter((code) => code === undefined).length).to.equal(CONNECTIONS);
  });

  for (const protocol of ['http', 'grpc'] as const)
    it(`are displaced once by each change, because panic mode may pick it again: ${protocol}`, async () => {
      const held = await instance(protocol, true);
      const world = calling([endpoint('a', { port: held.port, protocol })]);
      const transport = world.transports[protocol === 'http' ? 0 : 1];
      const abort = new OwnAbort();
      const send = (): Promise<unknown> =>
        transport
          .send(world.seen.endpoints[0]!, {
            ...{ protocol, method: 'POST', path: '/demo.Demo/Any', headers: {}, body: '' },
            ...{ deadline: Deadline.after(60_000), signal: abort.signal, abort },
          })
          .catch((error: unknown) => error);
      const sent = Array.from({ length: MOST[protocol] }, send);
      await until(held.arrived, (count) => count === MOST[protocol]);
      const reconsider = (isOffered: boolean): void => transport.reconsider(() => isOffered);
      const first = send();
      reconsider(false);
      expect(await first).to.be.instanceOf(DisplacedError);
      const second = send();
      reconsider(false);
      reconsider(true);
      const third = send();
      reconsider(false);
      for (const end of [await second, await third]) expect(end).to.be.instanceOf(DisplacedError);
      const last = send();
      reconsider(false);
      held.finish();
      await until(held.arrived, (count) => count === MOST[protocol] + 1);
      held.finish();
      for (const end of await Promise.all([...sent, last])) expect(end).to.include({ status: 200 });
    });
});
