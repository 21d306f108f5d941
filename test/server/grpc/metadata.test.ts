import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import fc from 'fast-check';
import { BusinessError, HttpError } from '#src/errors.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { type RpcBench, rpcBench } from './kit.js';

const failureOf = (call: Promise<unknown>): Promise<ServiceError> =>
  call.then(
    () => expect.fail('the call succeeded'),
    (error: ServiceError) => error,
  );

describe('metadata of a gRPC response', () => {
  let bench: RpcBench | undefined;
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => process.on('unhandledRejection', note));
  afterEach(() => {
    bench?.close();
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).to.deep.equal([]);
  });
  const warnings = (): unknown[] =>
    bench!.logs.filter(({ msg }) => String(msg).startsWith('a field was dropped'));

  for (const [name, value] of [
    ['x-a', 'é'],
    ['x-a', '€'],
    ['x-a', 'a\tb'],
    ['x!a', 'b'],
    ['grpc-status', '5'],
    ['grpc-encoding', 'gzip'],
    ['http2-settings', 'x'],
    ['proxy-connection', 'x'],
  ] as const) {
    it(`is left out where gRPC cannot carry it, and the call goes on: ${name}: ${JSON.stringify(value)}`, async () => {
      const fail = (): never => {
        throw new HttpError('NOT_FOUND', 'No item.', { headers: { [name]: value, 'x-ok': 'yes' } });
      };
      const { unary, list } = await serve({
        Get: (item: { name: string }, ctx: RpcContext) => {
          if (item.name === 'fail') fail();
          ctx.header(name, value);
          ctx.header('x-ok', ' yes ');
          return {};
        },
        List: async function* () {
          yield {};
          fail();
        },
      });
      const { headers } = await unary('Get', {});
      expect([headers.get('x-ok'), headers.get('x-a'), headers.get('x!a')]).to.deep.equal([['yes'], [], []]);
      const streamed = failureOf(
        (async () => {
          for await (const _ of list('List', {}));
        })(),
      );
      for (const error of [await failureOf(unary('Get', { name: 'fail' })), await streamed]) {
        expect([error.code, error.details]).to.deep.equal([status.NOT_FOUND, 'No item.']);
        expect(error.metadata.get('x-multilane-code')).to.deep.equal(['NOT_FOUND']);
        expect(error.metadata.get('x-ok')).to.deep.equal(['yes']);
      }
    });
  }

  it('that is left out is logged once per method, without its value', async () => {
    const { unary } = await serve({
      Get: (_item: unknown, ctx: RpcContext) => {
        ctx.header('x-token', 'secret-é');
        return {};
      },
    });
    for (let i = 0; i < 3; i++) await unary('Get', {});
    expect(warnings()).to.have.length(1);
    expect(warnings()[0]).to.include({ field: 'x-token', route: '/multilane.test.v1.Everything/Get' });
    expect(JSON.stringify(warnings())).not.to.include('secret');
  });

  it('has the problem document of a failure whose code gRPC cannot carry', async () => {
    const { unary } = await serve({
      Get: () => {
        throw new BusinessError('PRODUIT_ÉPUISÉ', 'No item.');
      },
    });
    const { code, metadata } = await failureOf(unary('Get', {}));
    expect(code).to.equal(status.INVALID_ARGUMENT);
    const [document] = metadata.get('x-multilane-problem-bin');
    expect(JSON.parse(String(document))).to.include({ code: 'PRODUIT_ÉPUISÉ' });
  });

  it('ends its own call where it is larger than clients accept, and no other', async () => {
    const { unary, logs } = await serve({
      Get: ({ name }: { name: string }, ctx: RpcContext) => {
        const large = 'y'.repeat(100_000);
        if (name === 'fail') throw new HttpError('NOT_FOUND', 'No item.', { headers: { 'x-a': large } });
        if (name === 'large') ctx.header('x-a', large);
        return {};
      },
    });
    expect((await failureOf(unary('Get', { name: 'large' }))).code).to.equal(status.INTERNAL);
    expect(JSON.stringify(logs)).to.include('gRPC clients accept 8192');
    expect((await failureOf(unary('Get', { name: 'fail' }))).code).to.equal(status.NOT_FOUND);
    await unary('Get', {});
  });

  it('of a failure has the id of the request, wherever the response has failed', async () => {
    const large = 'y'.repeat(100_000);
    const failing = (name: string, ctx: RpcContext): void => {
      if (name === 'large') ctx.header('x-a', large);
      else throw new HttpError('NOT_FOUND', 'No item.');
    };
    const { unary, list } = await serve({
      Get: ({ name }: { name: string }, ctx: RpcContext) => {
        failing(name, ctx);
        return {};
      },
      List: async function* ({ name }: { name: string }, ctx: RpcContext) {
        await nextTurn();
        failing(name, ctx);
        yield {};
      },
    });
    for (const name of ['large', 'fail']) {
      const stream = list('List', { name });
      stream.resume();
      const [error] = (await once(stream, 'error')) as [ServiceError];
      for (const { metadata } of [error, await failureOf(unary('Get', { name }))])
        expect(String(metadata.get('x-request-id')[0])).to.match(/^[0-9a-f-]{10,}$/);
    }
  });

  it('of a failure is bounded, whatever its code and its fields are', async () => {
    const fieldOf = (value: string) => fc.constantFrom(value, value.repeat(100), value.repeat(3000));
    const texts = fc.constantFrom('a', 'é', '€', '\u0001', '\ud800').chain(fieldOf);
    let thrown: { code: string; detail: string; fields: readonly string[] } | undefined;
    const { unary } = await serve({
      Get: () => {
        const { code, detail, fields } = thrown!;
        const headers = Object.fromEntries(fields.map((value, at) => [`x-${at}`, value]));
        throw new HttpError(code, detail, { headers });
      },
    });
    const fields = fc.array(fc.nat(3000).map((length) => 'x'.repeat(length)));
    await fc.assert(
      fc.asyncProperty(texts, texts, fields, async (code, detail, fields) => {
        thrown = { code, detail, fields };
        const { metadata } = await failureOf(unary('Get', {}));
        const [document] = metadata.get('x-multilane-problem-bin');
        expect(document)
          .to.have.property('length')
          .that.is.within(1, 4 * 1024);
        metadata.remove('x-multilane-problem-bin');
        let bytes = 0;
        for (const [name, value] of Object.entries(metadata.getMap()))
          if (name.startsWith('x-')) bytes += name.length + String(value).length + 32;
        expect(bytes).to.be.at.most(2 * 1024);
      }),
      { numRuns: 50 },
    );
  });

  it('may be set by a generator until its first message, and not later', async () => {
    let late: unknown;
    const { list } = await serve({
      List: async function* (_item: unknown, ctx: RpcContext) {
        await nextTurn();
        ctx.header('x-early', 'yes');
        yield {};
        try {
          ctx.header('x-late', 'yes');
        } catch (error) {
          late = error;
        }
        yield {};
      },
    });
    const stream = list('List', {});
    stream.resume();
    const [metadata] = (await once(stream, 'metadata')) as [Metadata];
    await once(stream, 'end');
    expect(metadata.get('x-early')).to.deep.equal(['yes']);
    expect(late).to.include({ code: 'INTERNAL' });
    expect(String(late)).to.include('set metadata after its first message');
  });

  it('is sent for a stream without messages too', async () => {
    const { list } = await serve({
      List: async function* (_item: unknown, ctx: RpcContext) {
        ctx.header('x-none', 'yes');
        if (ctx.path === '') yield {};
      },
    });
    const stream = list('List', {});
    stream.resume();
    const [metadata] = (await once(stream, 'metadata')) as [Metadata];
    expect(metadata.get('x-none')).to.deep.equal(['yes']);
  });
});

describe('metadata of a gRPC request', () => {
  it('that the library cannot read is written nowhere', () => {
    const script = `
      import { loadGrpc } from '#src/server/grpc/grpc-server.js';
      const { Metadata } = await loadGrpc();
      Metadata.fromHttp2Headers({ authorization: 'Bearer secret-\\u00e9' });
    `;
    const {
      status: code,
      stderr,
      stdout,
    } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
    expect([code, stdout, stderr]).to.deep.equal([0, '', '']);
  });
});
