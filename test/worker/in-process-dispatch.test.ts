// Calls to a service of the same worker, and how much of a response the caller accepts.
import { expect } from 'chai';
import { type Application, type Context, defineService, HttpError } from '#src/index.js';
import { createTestApp } from '#src/testing.js';

const MIB = 1024 * 1024;
const BOUND = 16 * MIB;

async function* pieces(length: number): AsyncGenerator<Uint8Array> {
  for (let left = length; left > 0; left -= MIB) yield new Uint8Array(Math.min(MIB, left));
}

async function* endless(): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(MIB);
  for (;;) yield piece;
}

describe('the response to an in-process call', () => {
  const responses: Readonly<Record<string, (ctx: Context) => unknown>> = {
    '/whole': () => new Uint8Array(BOUND),
    '/whole-longer': () => new Uint8Array(BOUND + 1),
    '/streamed': (ctx) => ctx.stream(pieces(BOUND)),
    '/streamed-longer': (ctx) => ctx.stream(pieces(BOUND + 1)),
    '/endless': (ctx) => ctx.stream(endless()),
    '/events': (ctx) =>
      ctx.sse(async function* () {
        const data = 'x'.repeat(MIB);
        for (;;) yield { data };
      }),
  };
  const left: string[] = [];
  const caller = defineService({
    name: 'caller',
    routes(app: Application, { call }) {
      app.get('/call/:name', async ({ params }) => {
        try {
          return { length: (await call('large').get(`/${params.name}`, { retries: 0 })).bytes().length };
        } catch (error) {
          return { code: error instanceof HttpError ? error.code : String(error) };
        }
      });
    },
  });
  const large = defineService({
    name: 'large',
    routes(app: Application) {
      for (const [path, respond] of Object.entries(responses)) {
        app.get(path, (ctx) => {
          ctx.signal.addEventListener('abort', () => left.push(path));
          return respond(ctx);
        });
      }
    },
  });

  it('is BAD_UPSTREAM beyond 16 MiB, whole or streamed, and a stream is cancelled as if its client had left', async () => {
    const app = await createTestApp({ services: [caller, large] });
    try {
      const results: Record<string, unknown> = {};
      for (const path of Object.keys(responses)) results[path] = (await app.inject(`/call${path}`)).json();
      expect(results).to.deep.equal({
        '/whole': { length: BOUND },
        '/whole-longer': { code: 'BAD_UPSTREAM' },
        '/streamed': { length: BOUND },
        '/streamed-longer': { code: 'BAD_UPSTREAM' },
        '/endless': { code: 'BAD_UPSTREAM' },
        '/events': { code: 'BAD_UPSTREAM' },
      });
      expect(left).to.include.members(['/streamed-longer', '/endless', '/events']);
      expect((await app.inject('/whole-longer')).bytes()).to.have.length(BOUND + 1);
    } finally {
      await app.close();
    }
  });
});
