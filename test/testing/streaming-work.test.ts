// What a response that streams may do after the deadline of its request, which is that of its first byte.
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { type Context, defineSaga, defineService, type ServiceDeps } from '#src/index.js';
import { createTestApp, type TestApp } from '#src/testing.js';
import { startTestPostgres } from '#test/support/postgres.js';

const TIMEOUT_MS = 100;

const stock = defineService({
  name: 'stock',
  grpc: {
    proto: pathToFileURL('test/grpc/fixtures/everything.proto'),
    handlers: () => ({
      Everything: { Get: () => ({ name: 'pen' }), List: () => [], Collect: () => ({}), Chat: () => [] },
    }),
  },
  routes(app) {
    app.get('/pen', () => 'pen');
    app.get('/never', () => new Promise(() => undefined));
  },
});

const failing = (): never => expect.fail('the call has failed');

/** Everything that takes the deadline of the running work. Each resolves with the text `pen`. */
const WORK: Record<string, (deps: ServiceDeps) => Promise<unknown>> = {
  'a call': async ({ call }) => (await call('stock').get('/pen')).text(),
  'a call with a time of its own': async ({ call }) =>
    (await call('stock').get('/pen', { timeoutMs: 5_000 })).text(),
  'a call without an end': async ({ call }) =>
    (await call('stock').get('/pen', { timeoutMs: Number.POSITIVE_INFINITY })).text(),
  'a hedged call': async ({ call }) => (await call('stock').get('/pen', { hedgeMs: 5_000 })).text(),
  'a shared call': async ({ call }) => (await call('stock').get('/pen', { singleFlight: true })).text(),
  'a call with a fallback': async ({ call }) =>
    (await call('stock').get('/pen', { fallback: failing })).text(),
  'a streamed call': async ({ call }) =>
    new Response((await call('stock').get('/pen', { stream: true })).body).text(),
  'a call by gRPC': async ({ call }) =>
    (await call('stock').grpc<{ readonly name: string }>('Get', {})).message.name,
  'a statement': async ({ db }) => (await db.one<{ name: string }>(`select 'pen' as name`)).name,
  'a transaction': ({ db }) =>
    db.transaction(async (tx) => (await tx.one<{ name: string }>(`select 'pen' as name`)).name),
  'a task': async ({ cpu }) =>
    ((await cpu.run('double', { n: 1 })) as { doubled: number }).doubled === 2 && 'pen',
  'a saga': async ({ sagas }) => {
    const { sagaId } = await sagas.start('buy', {});
    return (await sagas.wait(sagaId, { timeoutMs: 10_000 })).results?.pen;
  },
  'a breaker': ({ shared }) => shared.breaker('till').run(async () => 'pen'),
  'a bulkhead': ({ shared }) => shared.bulkhead('till', { limit: 1 }).run(async () => 'pen'),
};

const front = defineService({
  name: 'front',
  tasks: new URL('./fixtures/tasks.js', import.meta.url),
  sagas: [defineSaga({ name: 'buy', version: 1, steps: [{ name: 'pen', run: () => 'pen' }] })],
  routes(app, deps) {
    const late = async function* (ctx: Context): AsyncGenerator<string> {
      const { deadline } = ctx;
      yield 'begun';
      while (!deadline.passed) await delay(deadline.remainingMs());
      const work = WORK[ctx.query.get('work')!]!;
      yield `, ${String(await work(deps).catch((error: { code: string }) => error.code))}`;
    };
    app.get('/stream', { timeoutMs: TIMEOUT_MS }, (ctx) => ctx.stream(late(ctx)));
    app.get('/later', { timeoutMs: TIMEOUT_MS }, async (ctx) => {
      ctx.stream(late(ctx));
      await delay(2 * TIMEOUT_MS);
    });
    app.get('/left', { timeoutMs: 10_000 }, (ctx) =>
      ctx.stream(
        (async function* () {
          yield 'begun';
          const ends = [{}, { timeoutMs: Number.POSITIVE_INFINITY }].map((options) =>
            deps
              .call('stock')
              .get('/never', options)
              .catch(({ code }: { code: string }) => ctx.log.info({ code }, 'end')),
          );
          yield ', called';
          await Promise.all(ends);
        })(),
      ),
    );
  },
});

describe('a response that streams', () => {
  let app: TestApp;
  before(async () => {
    const { url: databaseUrl } = await startTestPostgres();
    app = await createTestApp({ services: [front, stock], databaseUrl });
  });
  after(() => app.close());

  for (const path of ['/stream', '/later']) {
    for (const work of Object.keys(WORK)) {
      it(`may use ${work} after the deadline of its first byte: ${path}`, async () => {
        const response = await app.inject(`${path}?work=${encodeURIComponent(work)}`);
        expect(response.text()).to.equal('begun, pen');
      });
    }
  }

  it('ends its calls when its client leaves', async () => {
    const { body } = await app.stream('/left');
    let text = '';
    for await (const chunk of body) {
      text += String(chunk);
      if (text === 'begun, called') break;
    }
    const codes = (): unknown[] => app.logs.filter(({ msg }) => msg === 'end').map(({ code }) => code);
    while (codes().length < 2) await new Promise(setImmediate);
    expect(codes()).to.deep.equal(['CLIENT_CLOSED', 'CLIENT_CLOSED']);
  });
});
