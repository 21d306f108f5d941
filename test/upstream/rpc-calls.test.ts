// `call(name).grpc` over real connections: to a server of this runtime, and to peers that are none.
import { expect } from 'chai';
import { BusinessError, HttpError, NotFoundError, UnavailableError } from '#src/errors.js';
import { KnownProtos } from '#src/grpc/known-protos.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { RpcError } from '#src/rpc-error.js';
import { runInScope } from '#src/scope.js';
import type { RpcContext, RpcHandlers } from '#src/server/grpc/rpc-handler.js';
import { injectTrace } from '#src/telemetry/propagation.js';
import type { CallByName } from '#src/upstream/call.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { EVERYTHING, type RpcBench, rpcBench } from '#test/server/grpc/kit.js';
import { until } from '#test/support/until.js';
import { scopeOf, setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { http2Peer, respond, respondOnly } from './rpc-peer.js';

interface Item {
  readonly id: string;
  readonly name: string;
  readonly content: Uint8Array;
}

describe('a call by gRPC', () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** Calls endpoints at these ports, over real connections. */
  function callTo(...ports: number[]): ReturnType<typeof setUp> {
    const grpc = new GrpcTransport();
    closers.push(() => grpc.close());
    const endpoints = ports.map((port, at) =>
      endpoint(`i${at}`, { service: 'kit', port, protocol: 'grpc', slot: at + 1 }),
    );
    const unused = (): never => expect.fail('sent by another transport');
    return setUp(endpoints, unused, {
      transports: { http: { send: unused, close: async () => undefined }, grpc },
      methods: new KnownProtos(new Map([['kit', EVERYTHING]])),
      propagate: injectTrace,
    });
  }

  async function serve(handler: RpcHandlers[string][string]): Promise<RpcBench & { call: CallByName }> {
    const bench = await rpcBench({ Get: handler });
    closers.push(() => bench.close());
    return { ...bench, call: callTo(bench.port).call };
  }

  const failureOf = async (call: Promise<unknown>): Promise<RpcError> => {
    const error = await call.then(
      () => expect.fail('the call succeeded'),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(HttpError);
    return error as RpcError;
  };

  it('sends a message and metadata, and resolves with the response and its metadata', async () => {
    const { call } = await serve(((item: Item, ctx: RpcContext) => {
      ctx.header('x-seen', `${ctx.headers.get('x-text')} ${ctx.headers.get('x-data-bin')}`);
      return { ...item, name: `${item.name}!` };
    }) as never);
    const { message, headers } = await call('kit').grpc<Item>(
      'Get',
      { id: 9007199254740993n, name: 'neun ä', content: new Uint8Array([1, 2]) },
      { metadata: { 'X-Text': 'hello', 'x-data-bin': new Uint8Array([255]), 'x-none': undefined } },
    );
    expect(message).to.deep.include({ id: '9007199254740993', name: 'neun ä!' });
    expect([...message.content]).to.deep.equal([1, 2]);
    expect(headers['x-seen']).to.equal('hello /w==');
    expect(headers).to.include.keys('x-request-id').and.not.include.keys('content-type', 'grpc-status');
  });

  for (const name of ['Get', 'Everything/Get', 'multilane.test.v1.Everything/Get']) {
    it(`finds its method as ${name}`, async () => {
      const { call } = await serve(((item: Item) => item) as never);
      expect((await call('kit').grpc<Item>(name, { name: 'a' })).message.name).to.equal('a');
    });
  }

  it('rejects what cannot be sent, names it, and sends nothing', async () => {
    const { call, ids } = callTo(1);
    const manyFields = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x${n}`, 'v']));
    const rejected: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
      [
        () => call('kit').grpc('Gett', {}),
        /no method is named "Gett", did you mean "Get"\?; known are Get, List/,
      ],
      [() => call('kit').grpc('Get', { nam: 'x' }), /has no field "nam"/],
      [() => call('kit').grpc('Get', { id: 'x' }), /id must be a whole number/],
      [
        () => call('kit').grpc('List', {}),
        /one request and one response; multilane.test.v1.Everything\/List streams/,
      ],
      [() => call('other').grpc('Get', {}), /no \.proto file of this service is known: declare it/],
      [() => call('kit').grpc('Get', {}, { retry: 1 } as never), /unknown option "retry"/],
      [() => call('kit').grpc('Get', {}, { metadata: { 'a b': 'x' } }), /"a b" is not a name of metadata/],
      [() => call('kit').grpc('Get', {}, { metadata: { a: 'ä' } }), /printable ASCII only/],
      [() => call('kit').grpc('Get', {}, { metadata: { a: ' x' } }), /may not begin or end with a space/],
      [() => call('kit').grpc('Get', {}, { metadata: { 'a-bin': 'x' } }), /must be a Uint8Array/],
      [() => call('kit').grpc('Get', {}, { metadata: manyFields }), /has 101 fields; at most 100/],
      [() => call('kit').grpc('Get', {}, { metadata: { a: 'x'.repeat(50_000) } }), /50001 bytes; at most/],
      [() => call('kit').grpc('Get', {}, { idempotencyKey: '' }), /idempotency key/],
    ];
    for (const [rejecting, text] of rejected) {
      const error = await rejecting().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.matches(text);
    }
    expect(ids()).to.equal('');
  });

  it('fails with NO_INSTANCE that names the protocol where all instances speak HTTP', async () => {
    const { call } = setUp([], () => expect.fail('sent'), {
      methods: new KnownProtos(new Map([['kit', EVERYTHING]])),
    });
    const error = await failureOf(call('kit').grpc('Get', {}));
    expect(error).to.include({
      code: 'NO_INSTANCE',
      message: 'No instance of service kit with the protocol grpc is known.',
    });
  });

  it('fails with the code, the status and the members of the error that the callee has thrown', async () => {
    const thrown = new BusinessError('OUT_OF_STOCK', 'None left.', { status: 409, details: { left: 0 } });
    const { call } = await serve(() => {
      throw thrown;
    });
    const error = await failureOf(call('kit').grpc('Get', {}));
    expect(error).to.be.instanceOf(RpcError);
    expect(error).to.include({
      code: 'OUT_OF_STOCK',
      status: 409,
      grpc: 'ABORTED',
      message: 'None left.',
      service: 'kit',
      notExecuted: false,
    });
    expect(error.members).to.deep.equal({ details: { left: 0 } });
    expect(error.trailers).to.not.have.any.keys('x-multilane-code', 'x-multilane-problem-bin');
  });

  it('fails with the same code and status when the document of the callee is too long for trailers', async () => {
    for (const detail of ['None left.', 'x'.repeat(9_000)]) {
      const { call } = await serve(() => {
        throw new BusinessError('OUT_OF_STOCK', detail, { status: 422, details: { all: 'y'.repeat(5_000) } });
      });
      const error = await failureOf(call('kit').grpc('Get', {}));
      expect(error).to.include({ code: 'OUT_OF_STOCK', status: 422 });
      expect(error.message.slice(0, 10)).to.equal(detail.slice(0, 10));
      expect(error.members).to.equal(undefined);
    }
  });

  it('gets metadata that come before and after the message, together', async () => {
    const peer = await http2Peer((stream) =>
      respond(stream, [Buffer.alloc(0)], { 'grpc-status': '0', 'x-part': 'b' }, { 'x-part': 'a' }),
    );
    closers.push(() => peer.close());
    const { headers } = await callTo(peer.port).call('kit').grpc('Get', {});
    expect(headers['x-part']).to.equal('a, b');
  });

  it('is not retryable after RESOURCE_EXHAUSTED without a code', async () => {
    const peer = await http2Peer((stream) => respondOnly(stream, { 'grpc-status': '8' }));
    closers.push(() => peer.close());
    const error = await failureOf(callTo(peer.port).call('kit').grpc('Get', {}));
    expect(error).to.include({ status: 429, retryable: false });
  });

  it('gets metadata of the callee without white space around them', async () => {
    const { call } = await serve(((item: Item, ctx: RpcContext) => {
      ctx.header('x-spaced', '  x  ');
      return item;
    }) as never);
    expect((await call('kit').grpc('Get', {})).headers['x-spaced']).to.equal('x');
  });

  it('fails with the gRPC status as its code where the callee has no codes', async () => {
    const peer = await http2Peer((stream) =>
      respondOnly(stream, { 'grpc-status': '7', 'grpc-message': 'not%20you', 'x-why-bin': 'AQI=, AwQ=' }),
    );
    closers.push(() => peer.close());
    const error = await failureOf(callTo(peer.port).call('kit').grpc('Get', {}));
    expect(error).to.include({
      code: 'PERMISSION_DENIED',
      status: 403,
      grpc: 'PERMISSION_DENIED',
      message: 'not you',
    });
    expect([...(error.trailers['x-why-bin'] as Uint8Array)]).to.deep.equal([1, 2]);
  });

  it('is not repeated without an idempotency key, and is with one', async () => {
    let calls = 0;
    const { call } = await serve(() => {
      calls++;
      throw new UnavailableError('DATABASE_BUSY', 'Later.');
    });
    await failureOf(call('kit').grpc('Get', {}));
    expect(calls).to.equal(1);
    await failureOf(call('kit').grpc('Get', {}, { idempotencyKey: 'k', retries: 2 }));
    expect(calls).to.equal(4);
  });

  it('is made at another instance when one cannot be reached', async () => {
    const bench = await rpcBench({ Get: ((item: Item) => item) as never });
    closers.push(() => bench.close());
    const gone = await http2Peer(() => undefined);
    await gone.close();
    const { call, observed } = callTo(gone.port, bench.port);
    for (let calls = 0; calls < 2; calls++) await call('kit').grpc('Get', {}, { idempotencyKey: 'k' });
    expect(observed.filter((line) => line.includes('BAD_UPSTREAM'))).to.have.length.above(0);
    expect(observed.filter((line) => line.endsWith(' 200'))).to.have.length(2);
  });

  it('sends request id, trace and deadline of the running request, and ends with it', async () => {
    const seen: Record<string, unknown>[] = [];
    const { call } = await serve(((_: Item, ctx: RpcContext) => {
      seen.push({ id: ctx.requestId, trace: ctx.traceId, leftMs: ctx.deadline.remainingMs() });
      return new Promise((_, reject) =>
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)),
      );
    }) as never);
    const scope = scopeOf();
    const error = await failureOf(runInScope(scope, () => call('kit').grpc('Get', {}, { timeoutMs: 200 })));
    expect(error.code).to.equal('DEADLINE_EXCEEDED');
    expect(seen[0]).to.deep.include({ id: scope.requestId });
    expect(seen[0]!.leftMs).to.be.at.most(200);
  });

  it('reaches an instance again that was restarted', async () => {
    const first = await rpcBench({ Get: ((item: Item) => item) as never });
    const { call } = callTo(first.port);
    await call('kit').grpc('Get', {});
    first.close();
    const second = await rpcBench({ Get: ((item: Item) => item) as never });
    closers.push(() => second.close());
    await failureOf(call('kit').grpc('Get', {}));
    await second.server.stopListening();
    await second.server.listen(first.port, '127.0.0.1');
    for (let isThere = false; !isThere; ) {
      isThere = await call('kit')
        .grpc('Get', {})
        .then(
          () => true,
          () => false,
        );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('leaves nothing behind when it is cancelled, a thousand times', async () => {
    const bench = await rpcBench({
      Get: ((item: Item, ctx: RpcContext) =>
        item.name === 'quick'
          ? item
          : new Promise((_, reject) => {
              const leave = (): void => reject(ctx.signal.reason as Error);
              if (ctx.signal.aborted) leave();
              else ctx.signal.addEventListener('abort', leave);
            })) as never,
    });
    closers.push(() => bench.close());
    const { call, load } = callTo(bench.port);
    await call('kit').grpc('Get', { name: 'quick' });
    const resources = (): number =>
      process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length;
    const before = resources();
    for (let round = 0; round < 20; round++) {
      const begun = bench.observer.begun;
      const controllers = Array.from({ length: 50 }, () => new AbortController());
      const calls = controllers.map(({ signal }) =>
        call('kit')
          .grpc('Get', {}, { signal })
          .catch((reason: unknown) => reason),
      );
      // Half of them are cancelled in the handler, the others on their way.
      if (round % 2 === 0)
        while (bench.observer.begun < begun + 50) await new Promise((resolve) => setImmediate(resolve));
      for (const controller of controllers) controller.abort('left');
      expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['left']));
    }
    await call('kit').grpc('Get', { name: 'quick' });
    await bench.observer.ended(bench.observer.begun);
    expect(load.inFlight(1)).to.equal(0);
    // The client has moved to another connection meanwhile (reset-budget.ts).
    expect(
      await until(
        () => bench.server.connections,
        (count) => count === 1,
      ),
    ).to.equal(1);
    expect(resources()).to.be.at.most(before);
  });

  it('leaves no connection behind when the endpoint leaves', async () => {
    const bench = await rpcBench({ Get: ((item: Item) => item) as never });
    closers.push(() => bench.close());
    const transport = new GrpcTransport();
    const left: Endpoint = endpoint('i0', { service: 'kit', port: bench.port, protocol: 'grpc', slot: 1 });
    const { call } = setUp([left], () => expect.fail('sent'), {
      transports: { http: transport, grpc: transport },
      methods: new KnownProtos(new Map([['kit', EVERYTHING]])),
    });
    await call('kit').grpc('Get', {});
    expect(bench.server.connections).to.equal(1);
    transport.leave(left);
    while (bench.server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('does not show the text of a service without codes to the client of a handler', async () => {
    const peer = await http2Peer((stream) =>
      respondOnly(stream, { 'grpc-status': '13', 'grpc-message': 'in /srv/app.py' }),
    );
    closers.push(() => peer.close());
    const { call } = callTo(peer.port);
    const front = await rpcBench({ Get: () => call('kit').grpc('Get', {}) as never });
    closers.push(() => front.close());
    const error = await failureOf(callTo(front.port).call('kit').grpc('Get', {}));
    expect(error).to.include({ code: 'BAD_UPSTREAM', message: 'A request to service kit has failed.' });
  });

  it('shows a refusal of the callee to the client of a handler as BAD_UPSTREAM that is final', async () => {
    const callee = await serve(() => {
      throw new NotFoundError('no such item');
    });
    const front = await rpcBench({
      Get: () =>
        callee
          .call('kit')
          .grpc('Get', {})
          .then(({ message }) => message) as never,
    });
    closers.push(() => front.close());
    const error = await failureOf(callTo(front.port).call('kit').grpc('Get', {}, { idempotencyKey: 'k' }));
    expect(error).to.include({ code: 'BAD_UPSTREAM', status: 502 });
    expect(front.observer.begun).to.equal(1);
  });
});
