import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { NotFoundError } from '#src/errors.js';
import { loadProto } from '#src/grpc/load-proto.js';
import { Block } from '#src/memory/block.js';
import { ServedLoads } from '#src/memory/served-load.js';
import { MESH_TOKEN_HEADER, meshTokens } from '#src/mesh-token.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { boundMethods } from '#src/server/grpc/rpc-methods.js';
import { inject } from '#src/server/inject.js';
import { EVERYTHING, type RpcBench, rpcBench } from './kit.js';

const PATH = '/multilane.test.v1.Everything/Get';
const SECRET = 'x'.repeat(32);

describe('the pipeline of gRPC calls', () => {
  let bench: RpcBench | undefined;
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  afterEach(() => bench?.close());
  const codeOf = (call: Promise<unknown>): Promise<readonly [number, string]> =>
    call.then(
      () => [status.OK, ''] as const,
      ({ code, metadata }: ServiceError) => [code, String(metadata.get('x-multilane-code')[0])] as const,
    );
  const withField = (name: string, value: string): Metadata => {
    const metadata = new Metadata();
    metadata.set(name, value);
    return metadata;
  };

  it('charges rate limits, by address and by key', async () => {
    const { unary } = await serve({ Get: { rateLimit: '1/minute', handler: () => ({}) } });
    expect(await codeOf(unary('Get', {}))).to.deep.equal([status.OK, '']);
    expect(await codeOf(unary('Get', {}))).to.deep.equal([status.RESOURCE_EXHAUSTED, 'RATE_LIMITED']);
  });

  it('charges the common rate limit', async () => {
    const { unary } = await serve(
      { Get: () => ({}) },
      { rateLimit: { count: 1, periodMs: 60_000, burst: 1 } },
    );
    await codeOf(unary('Get', {}));
    expect((await codeOf(unary('Get', {})))[1]).to.equal('RATE_LIMITED');
  });

  it('shows internal methods to calls of the mesh only', async () => {
    const { unary } = await serve({ Get: { internal: true, handler: () => ({}) } }, { meshToken: SECRET });
    expect(await codeOf(unary('Get', {}))).to.deep.equal([status.UNIMPLEMENTED, 'ROUTE_NOT_FOUND']);
    const own = withField(MESH_TOKEN_HEADER, meshTokens(SECRET)('kit'));
    expect(await codeOf(unary('Get', {}, {}, own))).to.deep.equal([status.OK, '']);
    const wrong = withField(MESH_TOKEN_HEADER, meshTokens('y'.repeat(32))('kit'));
    expect((await codeOf(unary('Get', {}, {}, wrong)))[0]).to.equal(status.UNIMPLEMENTED);
  });

  it('reports the load of its thread to calls of the mesh only, in the metadata of any response', async () => {
    const loads = new ServedLoads(Block.create({ workers: 1 }), 1, () => 0);
    const handlers = {
      Get: ({ text }: { text: string }) => {
        if (text === '') throw new NotFoundError('There is none.');
        return {};
      },
    };
    const { unary } = await serve(handlers, { meshToken: SECRET, loads });
    loads.of('kit', 'thread').enter();
    const own = withField(MESH_TOKEN_HEADER, meshTokens(SECRET)('kit'));
    const reportIn = (metadata: Metadata): unknown => metadata.get('x-multilane-load')[0];
    expect(reportIn((await unary('Get', { text: 'a' }, {}, own)).headers)).to.match(/^1;us=\d+$/);
    expect(reportIn((await unary('Get', { text: 'a' })).headers)).to.equal(undefined);
    const failed = await unary('Get', { text: '' }, {}, own).catch((error: ServiceError) => error.metadata);
    expect(reportIn(failed as Metadata)).to.match(/^1;us=\d+$/);
  });

  it('believes no fields of the runtime that a stranger sends', async () => {
    let left: number | undefined;
    const { unary } = await serve({
      Get: (_request: unknown, ctx: RpcContext) => {
        left = ctx.deadline.remainingMs();
        ctx.header('x-multilane-executed', 'false');
        return {};
      },
    });
    const { headers } = await unary('Get', {}, {}, withField('x-request-deadline', '5'));
    expect(left).to.be.greaterThan(1000);
    expect(headers.get('x-multilane-executed')).to.deep.equal([]);
  });

  it('marks the deadline of a client as shortened, so that it counts against no endpoint', async () => {
    const shortened: boolean[] = [];
    const { unary } = await serve({
      Get: (_request: unknown, ctx: RpcContext) => {
        shortened.push(ctx.deadline.isShortened);
        return {};
      },
    });
    await unary('Get', {}, { deadline: Date.now() + 5000 });
    await unary('Get', {});
    expect(shortened).to.deep.equal([true, false]);
  });

  it('does not serve methods of gRPC over HTTP, nor routes over gRPC', async () => {
    const { app, client } = await serve({ Get: () => ({}) });
    app.mount('http', (routes) => routes.post('/x.Y/Z', () => ({ reached: true })));
    const { status: notFound } = await inject(app, { method: 'POST', url: PATH, body: '' });
    expect(notFound).to.equal(404);
    const same = (bytes: Buffer): Buffer => bytes;
    const call = new Promise((resolve, reject) => {
      client.makeUnaryRequest('/x.Y/Z', same, same, Buffer.alloc(0), (error, value) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    expect((await codeOf(call))[0]).to.equal(status.UNIMPLEMENTED);
  });

  it('serves methods to calls within the process, without a socket', async () => {
    const { app, methods } = await serve({ Get: ({ name }: { name: string }) => ({ name: `${name}!` }) });
    const { request, response } = methods.get(PATH)!;
    const body = request.encode({ name: 'a' });
    const answer = await inject(app, { method: 'POST', url: PATH, body, inProcess: true, isRpc: true });
    expect(answer.status).to.equal(200);
    expect(response.decode(answer.body)).to.include({ name: 'a!' });
  });

  for (const member of ['json', 'text', 'stream', 'status', 'redirect'] as const) {
    it(`has no ctx.${member}: the log says what to do instead`, async () => {
      const { unary, logs } = await serve({
        Get: (_request: unknown, ctx: RpcContext) =>
          (ctx as unknown as Record<string, (value: unknown) => unknown>)[member]!('x'),
      });
      expect((await codeOf(unary('Get', {})))[0]).to.equal(status.INTERNAL);
      expect(JSON.stringify(logs)).to.include(`handlers of gRPC have no ctx.${member}`);
    });
  }

  it('sends a list of promises, and fails with the first that rejects', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const slow = new Promise((resolve) => setTimeout(resolve, 20, { name: 'a' }));
      const { list } = await serve({ List: () => [slow, Promise.reject(new NotFoundError('No item.'))] });
      const names: unknown[] = [];
      const failure = await (async () => {
        for await (const { name } of list('List', {})) names.push(name);
      })().catch((error: ServiceError) => error.code);
      expect([names, failure, unhandled]).to.deep.equal([['a'], status.NOT_FOUND, []]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('refuses handlers that are none', async () => {
    const methods = await loadProto(EVERYTHING);
    for (const handlers of [null, 'x', 7])
      expect(() =>
        boundMethods(methods.values(), { Everything: handlers } as never, (reason) => new Error(reason)),
      ).to.throw('the handlers of "Everything" must be an object of handlers by method');
  });

  it('mounts no method of a service when the options of one are wrong', async () => {
    const { app } = await serve({});
    const [first, second] = [...(await loadProto(EVERYTHING)).values()].map((one) => ({
      ...one,
      path: `/other${one.path}`,
    }));
    const add = app.prepareRpc('kit', first!, { handler: () => ({}) });
    expect(() => app.prepareRpc('kit', second!, { rateLimit: 'x', handler: () => [] } as never)).to.throw(
      TypeError,
      `service "kit": grpc: ${second!.path.slice(1)}: `,
    );
    expect(app.rpcMethod(first!.path)).to.equal(undefined);
    add();
    expect(app.rpcMethod(first!.path)).to.equal(first);
  });

  it('refuses handlers that do not fit the file', async () => {
    for (const [handlers, reason] of [
      [
        { Other: () => ({}) },
        'the service "Everything" has no method "Other"; there are Get, List, Collect, Chat',
      ],
      [{ Get: 7 }, 'Get: a handler must be a function'],
      [{ Get: { handler: () => ({}), timeout: 5 } }, 'unknown option "timeout", did you mean "timeoutMs"?'],
      [{ Get: {} }, 'handler must be a function'],
      [{ Get: { timeoutMs: -1, handler: () => ({}) } }, 'timeoutMs must be a positive number'],
    ] as const) {
      const failure = await rpcBench(handlers as never).then(
        () => expect.fail('it was accepted'),
        (error: Error) => error.message,
      );
      expect(failure).to.include(reason);
    }
  });
});
