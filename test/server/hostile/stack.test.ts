// A handler may respond when hardly any stack is left, for example when it catches its own endless recursion.
// Then any call of the runtime may throw a RangeError.
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import { aboveEnd } from '#test/support/above-end.js';
import { onCores } from '../cores.js';
import { settled } from '../kit.js';
import { Rig, type Script } from './rig.js';

const TEXT = 'text '.repeat(1000);

const RESPONDERS: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'a value as JSON': (ctx) => ctx.json({ a: 1 }),
  'a short text': (ctx) => ctx.text('x'),
  'a long text, that is compressed where it may be': (ctx) => ctx.text(TEXT),
  bytes: (ctx) => ctx.bytes(Buffer.from('x')),
  'a redirection': (ctx) => ctx.redirect('/x'),
  'a stream': (ctx) => ctx.stream(['x', 'y'] as never, 'text/plain'),
  events: (ctx) => ctx.sse((async function* () {})()),
};

const MOMENTS = [
  'onRequest',
  'preHandler',
  'handler',
  'onError',
] as const satisfies readonly (keyof Script)[];

/**
 * A number of frames above the end of the stack: more than a response needs, with the compilation of its
 * code.
 */
const [MOST, PLENTY] = [50, 3000] as const;

onCores('a handler at the end of its stack', (core) => {
  const rig = new Rig(core);
  const { stackTraceLimit } = Error;
  before(async () => {
    await rig.open();
    Error.stackTraceLimit = 0; // the traces of all these errors would take longer than everything else
  });
  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
    rig.server.close();
  });

  /** Every request gets a response or the end of its connection. */
  async function asks(what: string, script: (frames: number) => Script): Promise<void> {
    for (const frames of [PLENTY, PLENTY, PLENTY, ...Array(MOST).keys()]) {
      rig.script = script(frames);
      await rig.ask('GET', '/compressed', ['Accept-Encoding: gzip']);
    }
    await rig.expectNothingHeld(what);
    const { begun, seen } = rig.world.observer;
    expect(seen, 'every request is counted').to.have.length.at.least(begun);
  }

  for (const [name, respond] of Object.entries(RESPONDERS)) {
    it(`and responds with ${name} leaves nothing behind, in any part of a request`, async () => {
      for (const moment of MOMENTS) {
        const fails = {
          handler: () => {
            throw new Error('asks the hook');
          },
        };
        await asks(`${moment}, at once`, (frames) => ({
          ...(moment === 'onError' && fails),
          [moment]: (ctx: Context) => aboveEnd(frames, () => respond(ctx)),
        }));
      }
      await asks('late', (frames) => ({
        handler: async (ctx) => {
          await settled();
          return aboveEnd(frames, () => respond(ctx));
        },
      }));
    });
  }
});
