// Whatever a handler or a hook does, its request ends, and what it held is free for the next one.
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import { onCores } from '../cores.js';
import { Rig, type Script } from './rig.js';
import { THENABLES, THROWN, VALUES } from './values.js';

const RESPONDERS: Readonly<Record<string, (ctx: Context, value: never) => unknown>> = {
  text: (ctx, value) => ctx.text(value),
  html: (ctx, value) => ctx.html(value),
  json: (ctx, value) => ctx.json(value),
  bytes: (ctx, value) => ctx.bytes(value),
  'bytes with a type': (ctx, value) => ctx.bytes(new Uint8Array(2), value),
  redirect: (ctx, value) => ctx.redirect(value),
  'redirect with a status': (ctx, value) => ctx.redirect('/x', value),
  status: (ctx, value) => ctx.status(value).text('x'),
  'a header': (ctx, value) => ctx.header('x-value', value).text('x'),
  'the name of a header': (ctx, value) => ctx.header(value, 'x').text('x'),
  'a cookie': (ctx, value) => ctx.cookie('c', value).text('x'),
  stream: (ctx, value) => ctx.stream(value),
  'pieces of a stream': (ctx, value) => ctx.stream([value] as never),
  'a stream with a type': (ctx, value) => ctx.stream(['x'] as never, value),
  sse: (ctx, value) => ctx.sse(value),
  'events of a stream': (ctx, value) => ctx.sse([value] as never),
  file: (ctx, value) => ctx.file(value, 'x'),
  'a path of a file': (ctx, value) => ctx.file('.', value),
};

const MOMENTS: readonly (keyof Script)[] = ['onRequest', 'preHandler', 'handler', 'onError', 'onResponse'];

onCores('a handler', (core) => {
  const rig = new Rig(core);
  const { stackTraceLimit } = Error;
  before(() => rig.open());
  after(() => rig.server.close());
  afterEach(() => expect(Error.stackTraceLimit, 'errors still have a stack').to.equal(stackTraceLimit));

  for (const [name, respond] of Object.entries(RESPONDERS)) {
    it(`that hands a strange value to ctx (${name}) gets a response or a 500, and leaves nothing behind`, async () => {
      for (const [kind, make] of Object.entries(VALUES)) {
        for (const method of ['GET', 'HEAD', 'POST']) {
          for (const isLate of [false, true]) {
            const what = `${name} with ${kind}, ${method}${isLate ? ' later' : ''}`;
            rig.script = {
              handler: (ctx) => {
                if (!isLate) return respond(ctx, make() as never);
                return Promise.resolve().then(() => respond(ctx, make() as never));
              },
            };
            const response = await rig.ask(method);
            expect(rig.lastStatus, what).to.be.a('number');
            if (response !== undefined) expect(response.status, what).to.be.within(200, 500);
            await rig.expectNothingHeld(what);
          }
        }
      }
    });
  }

  it('that returns a strange value gets a response or a 500, and leaves nothing behind', async () => {
    for (const [kind, make] of Object.entries({ ...VALUES, ...THENABLES })) {
      rig.script = { handler: make };
      const response = await rig.ask('GET');
      expect(response?.status, kind).to.be.oneOf([200, 204, 500]);
      await rig.expectNothingHeld(kind);
    }
  });

  for (const moment of MOMENTS) {
    it(`that throws anything in ${moment} leaves nothing behind`, async () => {
      for (const [kind, make] of Object.entries(THROWN)) {
        for (const isLate of [false, true]) {
          const what = `${kind} in ${moment}${isLate ? ' later' : ''}`;
          const fail = (): unknown => {
            if (isLate) return Promise.reject(make());
            throw make();
          };
          // An onError hook is asked when something else has failed.
          rig.script = { [moment]: fail, ...(moment === 'onError' && { handler: fail }) };
          const response = await rig.ask('GET');
          expect(response?.status, what).to.equal(moment === 'onResponse' ? 204 : 500);
          await rig.expectNothingHeld(what);
        }
      }
    });

    it(`that returns a thenable in ${moment} leaves nothing behind`, async () => {
      for (const [kind, make] of Object.entries(THENABLES)) {
        rig.script = {
          [moment]: make,
          ...(moment === 'onError' && {
            handler: () => {
              throw new Error('asks the hook');
            },
          }),
        };
        expect((await rig.ask('GET'))?.status, `${kind} in ${moment}`).to.be.oneOf([200, 204, 500]);
        await rig.expectNothingHeld(`${kind} in ${moment}`);
      }
    });
  }

  for (const moment of ['onRequest', 'preHandler', 'handler'] as const) {
    it(`that throws anything in ${moment} has one line in the log, with the reason`, async () => {
      const { logs } = rig.world;
      for (const [kind, make] of Object.entries(THROWN)) {
        for (const isLate of [false, true]) {
          logs.length = 0;
          rig.script = {
            [moment]: () => {
              if (isLate) return Promise.reject(make());
              throw make();
            },
          };
          expect((await rig.ask('GET'))?.body, kind).to.contain('"code":"INTERNAL"');
          expect(logs, kind).to.have.length(1);
          const { level, err } = logs[0] as { level: number; err: Record<string, unknown> };
          expect([level, typeof err.message], kind).to.deep.equal([50, 'string']);
          expect(`${String(err.message)}${String(err.stack)}`, kind).to.have.length.above(5);
        }
      }
    });
  }

  it('that responds twice, or after a failure, leaves nothing behind', async () => {
    for (const [first, one] of Object.entries(RESPONDERS)) {
      for (const [second, other] of Object.entries(RESPONDERS)) {
        rig.script = {
          handler: (ctx) => {
            one(ctx, 'x' as never);
            return other(ctx, 'y' as never);
          },
        };
        await rig.ask('GET');
        await rig.expectNothingHeld(`${first}, then ${second}`);
      }
    }
  });
});

onCores('a server', (core) => {
  it('ends the connection when its App and its log throw, and serves the next one', async () => {
    const rig = new Rig(core);
    await rig.open();
    const { app } = rig.world;
    const fails = (): never => {
      throw new Error('failed');
    };
    const { log } = app.options;
    const { error } = log;
    Object.assign(app, { handle: fails });
    Object.assign(log, { error: fails });
    expect(await rig.ask('GET')).to.equal(undefined);
    Reflect.deleteProperty(app, 'handle');
    Object.assign(log, { error });
    await rig.expectNothingHeld('a request that failed outside of the pipeline');
    rig.server.close();
  });
});
