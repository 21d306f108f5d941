// A call behaves in the same way whether the service is in this worker or behind a socket.
import { expect } from 'chai';
import fc from 'fast-check';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { MethodIndex } from '#src/grpc/method-index.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { GrpcServer } from '#src/server/grpc/grpc-server.js';
import type { CallOptions, RpcCallOptions, ServiceClient } from '#src/upstream/call.js';
import { createCall } from '#src/upstream/client.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { InProcessTransport } from '#src/upstream/in-process-transport.js';
import {
  MAX_HEADER_BYTES,
  MAX_RESPONSE_BYTES,
  type OutgoingRequest,
  type Transport,
} from '#src/upstream/transport.js';
import { OversizedError } from '#src/upstream/transport-errors.js';
import { inProcessDispatch } from '#src/worker/in-process-dispatch.js';
import { CORES, type CoreUnderTest } from '#test/server/cores.js';
import { closedBreaker, endpoint, NO_STREAMS } from '#test/upstream/endpoints.js';
import { callee, METHODS, MIB } from './transport-callee.js';

/** Values of a wrong type, as a caller could pass them. */
const odd = fc.constantFrom<unknown>(
  undefined,
  null,
  true,
  5,
  Number.NaN,
  1n,
  Symbol('s'),
  '',
  'a=b',
  'a\nb',
  'ä',
  '\ud800',
  () => 1,
  {},
  [],
  [1],
  ['a', 'b'],
  new Date(0),
  new Headers({ 'x-b': '1' }),
  new Map([['x-c', 1]]),
  new URLSearchParams('d=1'),
  new Uint8Array(3),
);
const oddOptions = fc.record(
  {
    headers: fc.oneof(
      odd,
      fc.record({ 'x-a': odd }),
      odd.map((value) => new Map([['x-a', value]])),
    ),
    query: fc.oneof(
      odd,
      fc.record({ a: odd }),
      odd.map((value) => [['a', value]]),
    ),
    json: fc.oneof(odd, fc.record({ a: odd })),
    body: odd,
    idempotencyKey: odd,
  },
  { requiredKeys: [] },
);

/** A call by gRPC has metadata in place of the header fields. It resolves as one of HTTP, with a status. */
function callMethod(
  demo: ServiceClient,
  { headers, idempotencyKey }: OddOptions,
): Promise<{ status: number }> {
  const options = {
    ...(headers !== undefined && { metadata: headers }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  return demo.grpc('Any', new Uint8Array(), options as RpcCallOptions).then(() => ({ status: 200 }));
}

interface OddOptions {
  readonly headers?: unknown;
  readonly idempotencyKey?: unknown;
}

/** `call` over one transport to one endpoint, and the outcomes that the breaker counted. */
function callOver(transport: Transport, port: number, protocol: Endpoint['protocol']) {
  const outcomes: string[] = [];
  const one = endpoint('one', { service: 'demo', port, protocol });
  const call = createCall({
    ...NO_STREAMS,
    balancer: { pick: () => one, has: () => false, knows: () => true },
    breaker: closedBreaker(outcomes),
    load: { begin() {}, end() {}, observe() {}, failed() {}, unanswered() {}, report() {} },
    budget: { deposit() {}, hasToken: () => true, withdraw: () => true },
    transports: { http: transport, grpc: transport },
    methods: { of: () => new MethodIndex('demo', METHODS) },
    clock: () => performance.now(),
    random: () => 0,
    callPermitsOf: () => {
      throw new Error('none');
    },
    singleFlight: undefined as never,
  });
  return { demo: call('demo'), outcomes };
}

/** How a service is reached, and how the requests of the cases are written for it. */
interface Way {
  readonly transport: Transport;
  readonly protocol: Endpoint['protocol'];
  readonly port: number;
  /** Statuses that can be received. gRPC has one success, and no redirects. */
  readonly statuses: readonly number[];
  requestOf(members: Partial<OutgoingRequest>): Partial<OutgoingRequest>;
  close(): Promise<void>;
}

const HTTP_WAY = {
  protocol: 'http',
  statuses: [200, 302, 404, 500, 503],
  requestOf: (members: Partial<OutgoingRequest>) => members,
} as const;
const RPC_WAY = {
  protocol: 'grpc',
  statuses: [200, 404, 500, 503],
  /** `/bytes/7` is the method `Bytes` with the message `7`. */
  requestOf: ({ path = '/', body, ...members }: Partial<OutgoingRequest>): Partial<OutgoingRequest> => {
    const [, name = '', argument = ''] = path.split('/');
    const method = `/demo.Demo/${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    return { ...members, method: 'POST', path: method, body: body ?? argument };
  },
} as const;

/** Below those that the core has when its environment does not say otherwise. */
const LIMITS = { maxHeaderBytes: 3_000, maxUrlBytes: 1_000 };

const inProcess = ({ app }: ReturnType<typeof callee>) => {
  const transport = new InProcessTransport(inProcessDispatch(app, LIMITS, async () => undefined));
  return { transport, port: 1, close: () => transport.close() };
};

const overHttp = async ({ app }: ReturnType<typeof callee>, core: CoreUnderTest): Promise<Way> => {
  const server = core.serverOf(app, { settings: LIMITS });
  const port = await server.listen(0, '127.0.0.1');
  const transport: Transport = new HttpTransport();
  return {
    ...HTTP_WAY,
    transport,
    port,
    async close() {
      await transport.close();
      server.close();
    },
  };
};

const ways: Readonly<Record<string, (service: ReturnType<typeof callee>) => Promise<Way>>> = {
  'in-process': async (service) => ({ ...HTTP_WAY, ...inProcess(service) }),
  'in-process transport, by gRPC,': async (service) => ({ ...RPC_WAY, ...inProcess(service) }),
  ...Object.fromEntries(
    CORES.map((core) => [
      `HTTP (${core.name} core)`,
      (service: ReturnType<typeof callee>) => overHttp(service, core),
    ]),
  ),
  async gRPC({ app }) {
    const server = await GrpcServer.create({
      app,
      methods: METHODS,
      settings: {
        maxBodyBytes: 1 << 20,
        maxHeaderBytes: 16_384,
        requestTimeoutMs: 30_000,
        streamIdleMs: 60_000,
      },
      gate: { enter: () => true, leave: () => {}, givesUp: () => false },
    });
    const port = await server.listen(0, '127.0.0.1');
    const transport: Transport = new GrpcTransport();
    return {
      ...RPC_WAY,
      transport,
      port,
      async close() {
        await transport.close();
        server.close();
      },
    };
  },
};

for (const [name, open] of Object.entries(ways)) {
  describe(`a call over the ${name.includes('transport') ? name : `${name} transport`}`, () => {
    const service = callee();
    let way: Way;
    before(async () => {
      way = await open(service);
    });
    after(() => way.close());

    const send = (members: Partial<OutgoingRequest>) =>
      way.transport.send(endpoint('one', { service: 'demo', port: way.port, protocol: way.protocol }), {
        protocol: way.protocol,
        method: 'GET',
        path: '/',
        headers: {},
        body: undefined,
        deadline: Deadline.after(20_000),
        signal: new AbortController().signal,
        ...way.requestOf(members),
      });
    const failure = (members: Partial<OutgoingRequest>): Promise<unknown> =>
      send(members).then(
        () => undefined,
        (error: unknown) => error,
      );

    it('does not change the given bytes, so that the call can be repeated', async () => {
      const body = new Uint8Array(1000).fill(3);
      for (let attempt = 0; attempt < 2; attempt++) {
        const response = await send({ method: 'POST', path: '/fill', body });
        expect(response.json()).to.deep.equal({ sum: 3000 });
      }
      expect(body.every((byte) => byte === 3)).to.equal(true);
    });

    it('never counts a mistake of the caller as a failure of the endpoint', async () => {
      const { demo, outcomes } = callOver(way.transport, way.port, way.protocol);
      const call = (method: 'get' | 'post', options: object): Promise<unknown> =>
        way.protocol === 'http' ? demo[method]('/any', options) : callMethod(demo, options);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('get', 'post'), oddOptions, async (method, options) => {
          outcomes.length = 0;
          const result = await call(method, options).catch((error: unknown) => error);
          if (result instanceof TypeError) expect(outcomes).to.deep.equal([]);
          else expect([(result as { status: number }).status, outcomes]).to.deep.equal([200, ['success']]);
        }),
        { numRuns: 500, seed: 1 },
      );
    });

    /** `Status` and `Never` with the same arguments, as routes or as methods. */
    const callDemo = (
      path: string,
      options: Pick<CallOptions, 'timeoutMs' | 'retries'>,
      fallback?: object,
    ) => {
      const { demo } = callOver(way.transport, way.port, way.protocol);
      const errors: HttpError[] = [];
      const instead = (error: HttpError): object => {
        errors.push(error);
        return fallback!;
      };
      const all = { ...options, ...(fallback !== undefined && { fallback: instead }) };
      const [, name = '', argument = ''] = path.split('/');
      const method = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      const end =
        way.protocol === 'http' ? demo.get(path, all) : demo.grpc<object>(method, Buffer.from(argument), all);
      const seen = end.then(
        ({ isFallback }) => ({ isFallback }),
        (error: HttpError) => ({ code: error.code, status: error.status }),
      );
      return seen.then((result) => ({ result, statuses: errors.map(({ status }) => status) }));
    };

    it('has a fallback for a service that is not available, and for no other failure', async () => {
      const instead = way.protocol === 'http' ? { body: 'none' } : Buffer.from('none');
      const failing = await callDemo('/status/503', { retries: 0 }, instead);
      expect(failing).to.deep.equal({ result: { isFallback: true }, statuses: [503] });
      const late = await callDemo('/never', { timeoutMs: 30, retries: 0 }, instead);
      expect(late).to.deep.equal({ result: { isFallback: true }, statuses: [504] });
      expect((await callDemo('/status/404', { retries: 0 }, instead)).statuses).to.deep.equal([]);
      expect(await callDemo('/status/200', {}, instead)).to.deep.equal({
        result: { isFallback: false },
        statuses: [],
      });
    });

    it('ends a call at its deadline with the same error', async () => {
      const { result } = await callDemo('/never', { timeoutMs: 30, retries: 0 });
      expect(result).to.deep.equal({ code: 'DEADLINE_EXCEEDED', status: 504 });
    });

    it('resolves with a response of any status', async () => {
      for (const code of way.statuses) {
        expect((await send({ path: `/status/${code}` })).status).to.equal(code);
      }
    });

    if (!name.includes('gRPC')) {
      it('returns the header fields as they were set, each value of a cookie, and the date', async () => {
        const { headers } = await send({ path: '/fields' });
        const [a, b, ...others] = headers['set-cookie']!.split('\n');
        expect([a!.startsWith('a=1; '), b!.startsWith('b=2; '), others]).to.deep.equal([true, true, []]);
        expect(headers['x-name']).to.equal('café €');
        expect(Date.parse(headers.date!)).to.be.closeTo(Date.now(), 5_000);
        const names = ['content-length', 'content-type', 'date', 'set-cookie', 'x-name', 'x-request-id'];
        expect(Object.keys(headers).toSorted()).to.deep.equal(names);
      });

      it('refuses a request whose URL, header or number of fields is above the limits, with the same status', async () => {
        const fieldsOf = (count: number) =>
          Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, 'v']));
        const statuses = async (requests: readonly Partial<OutgoingRequest>[]) => {
          const all: number[] = [];
          for (const request of requests) all.push((await send({ path: '/any', ...request })).status);
          return all;
        };
        const urls = [LIMITS.maxUrlBytes, LIMITS.maxUrlBytes + 1].map((length) => ({
          path: `/any?${'q'.repeat(length - 5)}`,
        }));
        expect(await statuses(urls)).to.deep.equal([200, 414]);
        // The name of the host is shorter in-process.
        const headers = [LIMITS.maxHeaderBytes - 100, LIMITS.maxHeaderBytes].map((bytes) => ({
          headers: { 'x-long': 'x'.repeat(bytes) },
        }));
        expect(await statuses(headers)).to.deep.equal([200, 431]);
        const fields = [94, 95, 96, 97, 98, 99, 100].map((count) => ({ headers: fieldsOf(count) }));
        expect(await statuses(fields)).to.deep.equal([200, 200, 200, 431, 431, 431, 431]);
      });

      it('removes the spaces around a field value that are none of it', async () => {
        const response = await send({ path: '/spaces', headers: { 'x-spaced': '  a\tb  ' } });
        expect(response.json()).to.deep.equal({ spaced: 'a\tb' });
        expect(response.headers['x-spaced']).to.equal('a  b ');
      });

      it('accepts a header up to the common size limit', async () => {
        expect((await send({ path: `/header/${MAX_HEADER_BYTES - 1_000}` })).status).to.equal(200);
        const error = await failure({ path: `/header/${MAX_HEADER_BYTES}` });
        expect(error).to.be.instanceOf(OversizedError).with.property('code', 'BAD_UPSTREAM');
      });
    }

    if (!name.includes('gRPC')) {
      it('fails as a broken response when the service cuts it off, which counts for the service', async () => {
        const error = await failure({ path: '/cut' });
        expect(error).to.be.instanceOf(HttpError).with.property('code', 'BAD_UPSTREAM');
        expect((error as Error).message).to.include('closed the connection before the response was complete');
        const { demo, outcomes } = callOver(way.transport, way.port, way.protocol);
        const fallback = (): object => ({ body: 'none' });
        expect(await demo.get('/cut', { retries: 1, fallback })).to.include({ isFallback: true });
        expect(outcomes).to.deep.equal(['failure', 'failure']);
      });
    }

    it('returns new values at every read, so that no caller can change what another one reads', async () => {
      const response = await send({ path: '/any' });
      response.json<{ ok: boolean }>().ok = false;
      response.bytes().fill(0);
      expect(response.json()).to.deep.equal({ ok: true });
      expect(response.text()).to.equal('{"ok":true}');
    });

    it('sends nothing for a caller that has left before', async () => {
      const before = service.state.requests;
      expect(await failure({ path: '/any', signal: AbortSignal.abort('left') })).to.equal('left');
      await send({ path: '/any' });
      expect(service.state.requests - before).to.equal(1);
    });

    it('rejects with the reason of the signal when the caller leaves before there is a response', async () => {
      const controller = new AbortController();
      const rejected = failure({ path: '/never', signal: controller.signal });
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.abort('left');
      expect(await rejected).to.equal('left');
    });

    it('accepts a response up to the common size limit', async () => {
      const response = await send({ path: `/bytes/${MAX_RESPONSE_BYTES}` });
      expect(response.bytes().length).to.equal(MAX_RESPONSE_BYTES);
      response.bytes().fill(0);
      expect(response.bytes()[0]).to.equal(7);
      const error = await failure({ path: `/bytes/${MAX_RESPONSE_BYTES + 1}` });
      expect(error).to.be.instanceOf(HttpError).with.property('code', 'BAD_UPSTREAM');
    });

    it('ends an endless response at that limit, and its source with it', async () => {
      const error = await failure({ path: '/endless' });
      expect(error).to.be.instanceOf(HttpError).with.property('code', 'BAD_UPSTREAM');
      while (service.state.closed === 0) await new Promise((resolve) => setImmediate(resolve));
      // The bytes that are in socket buffers were read from the source as well.
      expect(service.state.pulled).to.be.below(MAX_RESPONSE_BYTES + 32 * MIB);
    });
  });
}
