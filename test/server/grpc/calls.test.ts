import { once } from 'node:events';
import { connect } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { BusinessError, HttpError, NotFoundError, UnavailableError } from '#src/errors.js';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { until } from '#test/support/until.js';
import { type RpcBench, rpcBench } from './kit.js';

type Item = { readonly id: string; readonly name: string; readonly count: number };

describe('a gRPC call', () => {
  let bench: RpcBench | undefined;
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  afterEach(() => bench?.close());
  const failureOf = (call: Promise<unknown>): Promise<ServiceError> =>
    call.then(
      () => expect.fail('the call succeeded'),
      (error: ServiceError) => error,
    );
  const collected = async (stream: AsyncIterable<unknown>): Promise<unknown[]> => {
    const all: unknown[] = [];
    for await (const one of stream) all.push(one);
    return all;
  };

  it('gets what its handler returns, at once or later, with metadata', async () => {
    const { unary } = await serve({
      Get: async (item: Item, ctx: RpcContext) => {
        ctx.header('x-seen', `${ctx.headers.get('x-sent')}`);
        ctx.header('x-seen-bin', `${ctx.headers.get('x-sent-bin')}`);
        return { ...item, name: `${item.name}!`, details: { a: { yes: true } } };
      },
    });
    const sent = new Metadata();
    sent.set('x-sent', 'hello');
    sent.set('x-sent-bin', Buffer.from([0, 255]));
    const { message, headers } = await unary('Get', { id: '9007199254740993', name: 'nine' }, {}, sent);
    expect(message).to.deep.include({ id: '9007199254740993', name: 'nine!', details: { a: { yes: true } } });
    expect(headers.get('x-seen')).to.deep.equal(['hello']);
    expect(headers.get('x-seen-bin')).to.deep.equal([Buffer.from([0, 255])]);
    expect(headers.get('x-request-id')).to.have.length(1);
  });

  it('is counted with its method, and has a span of it', async () => {
    const { unary, observer, tracing } = await serve({ Get: (item: Item) => item });
    await unary('Get', {});
    await observer.ended(1);
    expect(observer.seen[0]).to.include({
      method: 'GRPC',
      template: '/multilane.test.v1.Everything/Get',
      status: 200,
    });
    expect(tracing.started[0]?.name).to.equal('multilane.test.v1.Everything/Get');
  });

  it('may have an empty message as request and as response', async () => {
    const { unary } = await serve({ Get: () => ({}) });
    const { message } = await unary('Get', {});
    expect(message).to.deep.include({ id: '0', name: '' });
  });

  for (const [thrown, code, own] of [
    [new NotFoundError('No item 7.'), status.NOT_FOUND, 'NOT_FOUND'],
    [new BusinessError('OUT_OF_STOCK', 'No item 7.', { status: 409 }), status.ABORTED, 'OUT_OF_STOCK'],
    [new UnavailableError('DATABASE_BUSY', 'No item 7.'), status.UNAVAILABLE, 'DATABASE_BUSY'],
    [new HttpError('EMAIL_TAKEN', 'No item 7.'), status.ALREADY_EXISTS, 'EMAIL_TAKEN'],
  ] as const) {
    it(`fails with the gRPC status of ${own}, its code and its problem document`, async () => {
      const { unary } = await serve({
        Get: () => {
          throw thrown;
        },
      });
      const error = await failureOf(unary('Get', {}));
      expect(error.code).to.equal(code);
      expect(error.details).to.equal('No item 7.');
      expect(error.metadata.get('x-multilane-code')).to.deep.equal([own]);
      const [document] = error.metadata.get('x-multilane-problem-bin');
      expect(JSON.parse(String(document))).to.include({ code: own, detail: 'No item 7.' });
    });
  }

  it('shows nothing of an error that is not meant for clients', async () => {
    const { unary, logs } = await serve({
      Get: () => {
        throw new Error('password=hunter2');
      },
    });
    const error = await failureOf(unary('Get', {}));
    expect(error.code).to.equal(status.INTERNAL);
    expect(JSON.stringify(error.metadata.toJSON()) + error.details).not.to.include('hunter2');
    expect(JSON.stringify(logs)).to.include('a handler failed');
  });

  it('is refused before its handler runs where the process is full, with what a caller needs to repeat it', async () => {
    const { unary, world } = await serve({ Get: () => expect.fail('it ran') });
    world.permits = 0;
    const error = await failureOf(unary('Get', {}));
    expect(error.code).to.equal(status.UNAVAILABLE);
    expect(error.metadata.get('x-multilane-code')).to.deep.equal(['OVERLOADED']);
    expect(error.metadata.get('x-multilane-executed')).to.deep.equal(['false']);
    expect(error.metadata.get('retry-after')).to.deep.equal(['1']);
  });

  it('is refused when its handler returns what is no message', async () => {
    const { unary, logs } = await serve({ Get: () => ({ idd: 1 }) });
    expect((await failureOf(unary('Get', {}))).code).to.equal(status.INTERNAL);
    expect(JSON.stringify(logs)).to.include('has no field \\"idd\\"');
  });

  it('ends at the deadline of its client, and its handler is told', async () => {
    let reason: unknown;
    const { unary, observer } = await serve({
      Get: (_item: Item, ctx: RpcContext) =>
        new Promise((_resolve, reject) => {
          ctx.signal.addEventListener('abort', () => {
            reason = ctx.signal.reason;
            reject(ctx.signal.reason as Error);
          });
        }),
    });
    const error = await failureOf(unary('Get', {}, { deadline: Date.now() + 100 }));
    expect(error.code).to.equal(status.DEADLINE_EXCEEDED);
    await observer.ended(1);
    expect(reason).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(observer.seen[0]).to.include({ status: 504, error: 'DEADLINE_EXCEEDED' });
  });

  it('ends at the time-out of its method', async () => {
    const { unary } = await serve({ Get: { timeoutMs: 50, handler: () => new Promise(() => {}) } });
    expect((await failureOf(unary('Get', {}))).code).to.equal(status.DEADLINE_EXCEEDED);
  });

  it('aborts the signal of its handler when its client cancels it, and releases its permit', async () => {
    let began = (): void => {};
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    let reason: unknown;
    const { methods, client, observer, world } = await serve({
      Get: (_item: Item, ctx: RpcContext) =>
        new Promise((_resolve, reject) => {
          began();
          ctx.signal.addEventListener('abort', () => {
            reason = ctx.signal.reason;
            reject(ctx.signal.reason as Error);
          });
        }),
    });
    world.permits = 1;
    const { path, request, response } = methods.get('/multilane.test.v1.Everything/Get')!;
    const encode = (message: object): Buffer => Buffer.from(request.encode(message));
    const call = client.makeUnaryRequest(
      path,
      encode,
      (bytes) => response.decode(bytes),
      {},
      () => {},
    );
    await begun;
    call.cancel();
    await observer.ended(1);
    await nextTurn();
    expect(reason).to.include({ code: 'CLIENT_CLOSED' });
    expect(observer.seen[0]).to.include({ status: 499 });
    expect(world.permits).to.equal(1);
  });

  it('is UNIMPLEMENTED for a method that does not exist', async () => {
    const { client } = await serve({});
    const same = (bytes: Buffer): Buffer => bytes;
    const error = await failureOf(
      new Promise((resolve, reject) => {
        client.makeUnaryRequest('/a.B/C', same, same, Buffer.alloc(0), (failure, value) =>
          failure === null ? resolve(value) : reject(failure),
        );
      }),
    );
    expect(error.code).to.equal(status.UNIMPLEMENTED);
  });

  it('is refused for bytes that are no message of its type', async () => {
    const { client } = await serve({ Get: () => expect.fail('it ran') });
    const same = (bytes: Buffer): Buffer => bytes;
    const error = await failureOf(
      new Promise((resolve, reject) => {
        const broken = Buffer.from([0x1a, 0xff, 0xff]);
        client.makeUnaryRequest('/multilane.test.v1.Everything/Get', same, same, broken, (failure, value) =>
          failure === null ? resolve(value) : reject(failure),
        );
      }),
    );
    expect(error.code).to.equal(status.INVALID_ARGUMENT);
    expect(error.metadata.get('x-multilane-code')).to.deep.equal(['MALFORMED_BODY']);
  });

  it('is refused for a message or metadata over the limits', async () => {
    const { unary } = await serve(
      { Get: (item: Item) => item },
      { server: { maxBodyBytes: 1000, maxHeaderBytes: 2000 } },
    );
    expect((await failureOf(unary('Get', { name: 'x'.repeat(2000) }))).code).to.equal(
      status.RESOURCE_EXHAUSTED,
    );
    const large = new Metadata();
    large.set('x-large', 'x'.repeat(3000));
    const error = await failureOf(unary('Get', {}, {}, large));
    expect(error.code).to.equal(status.RESOURCE_EXHAUSTED);
    expect(error.metadata.get('x-multilane-code')).to.deep.equal(['HEADERS_TOO_LARGE']);
  });

  it('streams responses as its handler yields them', async () => {
    const { list, observer } = await serve({
      List: async function* ({ count }: Item) {
        for (let id = 1; id <= count; id++) yield { id };
        yield {};
      },
    });
    const items = await collected(list('List', { count: 3 }));
    expect(items.map((item) => (item as Item).id)).to.deep.equal(['1', '2', '3', '0']);
    await observer.ended(1);
    expect(observer.seen[0]).to.include({ status: 200 });
  });

  it('ends a stream with the failure of its handler', async () => {
    const { list } = await serve({
      List: async function* () {
        yield { id: 1 };
        throw new NotFoundError('No more items.');
      },
    });
    const error = await failureOf(collected(list('List', {})));
    expect(error).to.include({ code: status.NOT_FOUND, details: 'No more items.' });
  });

  it('stops the handler of a stream when its client leaves, and writes no faster than that reads', async () => {
    let yielded = 0;
    let hasEnded = (): void => {};
    const ended = new Promise<void>((resolve) => {
      hasEnded = resolve;
    });
    const { list, observer } = await serve({
      List: async function* () {
        try {
          for (;;) {
            yielded++;
            yield { content: new Uint8Array(100_000) };
          }
        } finally {
          hasEnded();
        }
      },
    });
    const stream = list('List', {});
    stream.on('error', () => {});
    await once(stream, 'readable');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(yielded).to.be.lessThan(100);
    stream.cancel();
    await ended;
    await observer.ended(1);
    expect(observer.seen[0]).to.include({ status: 499 });
  });

  it('collects a stream of requests', async () => {
    const { collect } = await serve({
      Collect: async (items: AsyncIterable<Item>) => {
        const names: string[] = [];
        for await (const { name } of items) names.push(name);
        return { count: names.length, names };
      },
    });
    const summary = await new Promise((resolve, reject) => {
      const stream = collect('Collect', (error, message) =>
        error === null ? resolve(message) : reject(error),
      );
      for (const name of ['a', '', 'c']) stream.write({ name });
      stream.end();
    });
    expect(summary).to.deep.equal({ count: 3, names: ['a', '', 'c'] });
  });

  it('does not give its handler the part of a stream that was cut as the whole', async () => {
    let seen: unknown;
    const { port, observer } = await serve({
      Collect: async (items: AsyncIterable<Item>) => {
        try {
          for await (const item of items) seen = item;
          seen = 'the end';
        } catch (error) {
          seen = error;
        }
        return {};
      },
    });
    const path = '/multilane.test.v1.Everything/Collect';
    // A client of Node.js that cancels a call ends its stream first, so this one loses its connection.
    const session = connect(`http://127.0.0.1:${port}`);
    const call = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.on('error', () => {});
    call.write(frameOf(new Uint8Array(0)));
    await until(
      () => seen,
      (item) => item !== undefined,
    );
    session.destroy();
    await observer.ended(1);
    await nextTurn();
    expect(seen).to.include({ code: 'CLIENT_CLOSED' });
  });

  it('may respond before it has read a stream of requests', async () => {
    const { collect } = await serve({ Collect: () => ({ count: 5 }) });
    const summary = await new Promise((resolve, reject) => {
      collect('Collect', (error, message) => (error === null ? resolve(message) : reject(error))).write({});
    });
    expect(summary).to.deep.include({ count: 5 });
  });

  it('answers a stream of requests with one of responses, each at its own pace', async () => {
    const { chat } = await serve({
      Chat: async function* (items: AsyncIterable<Item>) {
        for await (const { name } of items) yield { name: name.toUpperCase() };
      },
    });
    const stream = chat('Chat');
    for (const name of ['a', 'b']) {
      stream.write({ name });
      const [message] = (await once(stream, 'data')) as [Item];
      expect(message.name).to.equal(name.toUpperCase());
    }
    stream.end();
    await once(stream, 'end');
  });
});
