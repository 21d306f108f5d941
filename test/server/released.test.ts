// What a request holds is released when its handler and its response have ended; what a handler holds that
// goes on behind its response, at its deadline. That is so however and whenever it responds, and however its
// promise ends.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import { endUnfinished } from '#src/worker/drain.js';
import { type Bench, bench, ManualTicker, settled } from './kit.js';

const TIMEOUT_MS = 1000;
const TEXT = 'text '.repeat(1000);
const never = new Promise<never>(() => {});

const ANSWERS: Readonly<Record<string, (ctx: Context) => unknown>> = {
  json: (ctx) => ctx.json({ a: 1 }),
  text: (ctx) => ctx.text('text'),
  bytes: (ctx) => ctx.bytes(Buffer.from('bytes')),
  'an empty response': (ctx) => ctx.redirect('/elsewhere'),
  'a stream': (ctx) => ctx.stream(pieces()),
  'a stream of the body': (ctx) => ctx.stream(ctx.readStream()),
  events: (ctx) => ctx.sse(events()),
  'a small file': (ctx) => ctx.file('.', 'small'),
  'a large file': (ctx) => ctx.file('.', 'large'),
  'compressed text': (ctx) => ctx.text(TEXT),
  'a compressed stream': (ctx) => ctx.stream(pieces(), 'text/plain'),
};

async function* pieces(): AsyncGenerator<string> {
  yield TEXT;
  await settled();
  yield TEXT;
}

async function* events(): AsyncGenerator<{ data: number }> {
  yield { data: 1 };
}

const ENDINGS: Readonly<Record<string, () => unknown>> = {
  returns: () => undefined,
  'returns late': () => settled(),
  'never settles': () => never,
  'rejects late': async () => {
    await settled();
    throw new Error('too late');
  },
};

const FAILURES: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('at once');
  },
  rejects: async () => {
    await settled();
    throw new Error('late');
  },
};

describe('what a request holds', () => {
  let base: string;

  before(() => {
    base = mkdtempSync(join(tmpdir(), 'multilane-released-'));
    writeFileSync(join(base, 'small'), 'small');
    writeFileSync(join(base, 'large'), Buffer.alloc(200_000));
  });
  after(() => rmSync(base, { recursive: true }));

  /** Sends two requests where there is one of everything: the second needs what the first has held. */
  async function asksTwice(
    compress: boolean,
    handler: (ctx: Context) => unknown,
    onError?: (ctx: Context) => unknown,
  ): Promise<void> {
    const ticker = new ManualTicker();
    const world = bench(
      (app) =>
        app.post(
          '/',
          { maxConcurrent: 1, timeoutMs: TIMEOUT_MS, compress, ...(onError && { onError }) },
          handler as never,
        ),
      {
        ticker,
        configFile: join(base, 'config.js'),
        quotas: { streams: [1, 1], bodies: [1, 1], bodyBytes: [1e6, 1e6] },
      },
    );
    world.world.permits = 1;
    for (let i = 0; i < 2; i++) {
      const headers = { 'accept-encoding': 'gzip' };
      const { status } = await world.inject({ method: 'POST', url: '/', headers, body: 'body' });
      expect(status, `request ${i}`).to.be.oneOf([200, 302]);
      await world.observer.ended(i + 1);
      expect(world.quotas.streams.held, 'streams, of a response that is complete').to.equal(0);
      expect(world.app.inFlight, 'requests that a drain waits for').to.equal(0);
      for (let turn = 0; turn < 5; turn++) await settled();
      ticker.advance(TIMEOUT_MS + 100);
      await settled();
      expectNothingHeld(world);
    }
  }

  function expectNothingHeld({ world, quotas, app }: Bench): void {
    const { streams, bodies, bodyBytes } = quotas;
    expect({
      permits: world.permits,
      streams: streams.held,
      bodies: bodies.held,
      bodyBytes: bodyBytes.held,
      requests: app.living().length,
      alarms: app.wheel.size,
    }).to.deep.equal({ permits: 1, streams: 0, bodies: 0, bodyBytes: 0, requests: 0, alarms: 0 });
  }

  it('is released at the end of a drain, which does not count requests that have a response', async () => {
    const ticker = new ManualTicker();
    const { app, inject, world } = bench(
      (demo) => {
        demo.get('/answered', (ctx) => {
          ctx.text('answered');
          return never;
        });
        demo.get('/runs', () => never);
      },
      { ticker },
    );
    world.permits = 2;
    const warned: unknown[] = [];
    const log = { warn: (fields: unknown) => void warned.push(fields) };
    expect((await inject({ url: '/answered' })).status).to.equal(200);
    expect([app.inFlight, world.permits]).to.deep.equal([0, 1]);
    await endUnfinished(app, log);
    expect([app.living().length, world.permits, warned.length]).to.deep.equal([0, 2, 0]);
    const runs = inject({ url: '/runs' });
    expect(app.inFlight).to.equal(1);
    await endUnfinished(app, log);
    expect((await runs).status).to.equal(504);
    expect(warned).to.deep.equal([{ requests: 1 }]);
  });

  for (const [answerName, answer] of Object.entries(ANSWERS)) {
    for (const [endingName, ending] of Object.entries(ENDINGS)) {
      const compress = answerName.includes('compressed');
      const atOnce = (ctx: Context): unknown => {
        const sent = answer(ctx);
        return sent instanceof Promise ? sent.then(ending) : (ending() ?? sent);
      };
      const late = async (ctx: Context): Promise<unknown> => {
        await settled();
        await answer(ctx);
        return ending();
      };

      it(`is released when a handler sends ${answerName} and ${endingName}`, async () => {
        await asksTwice(compress, atOnce);
        await asksTwice(compress, late);
      });

      it(`is released when an onError hook sends ${answerName} and ${endingName}`, async () => {
        for (const fails of Object.values(FAILURES)) {
          await asksTwice(compress, fails, atOnce);
          await asksTwice(compress, fails, late);
        }
      });
    }
  }
});
