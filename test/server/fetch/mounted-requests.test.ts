// The request that a mounted application gets, where it is changed, copied, or used in unusual ways.
import { expect } from 'chai';
import fc from 'fast-check';
import { bench, latch, ManualTicker, settled } from '../kit.js';

const NAMES = ['x-a', 'x-b', 'authorization', 'cookie', 'set-cookie', 'content-type'];

describe('a request to a mounted application', () => {
  describe('when it is cloned', () => {
    const change = fc.record({
      how: fc.constantFrom('set' as const, 'append' as const, 'delete' as const, 'get' as const),
      name: fc.constantFrom(...NAMES),
      value: fc.constantFrom('changed', 'ä', 'a, b'),
    });
    const made = (
      headers: Headers,
      { how, name, value }: typeof change extends fc.Arbitrary<infer T> ? T : never,
    ) => {
      if (how === 'delete') headers.delete(name);
      else if (how === 'get') headers.get(name);
      else headers[how](name, value);
    };
    const fieldsOf = ({ headers }: Request) => [...headers];

    it('has the fields that the original has, whatever was changed, and neither changes the other', async () => {
      const check = async (before: Parameters<typeof made>[1][], after: Parameters<typeof made>[1][]) => {
        const { inject } = bench((app) =>
          app.mount('/a', (request) => {
            for (const each of before) made(request.headers, each);
            const [clone, native] = [request.clone(), new Request(request.clone())];
            const fields = fieldsOf(request);
            const copied = [clone, native, clone.clone(), new Request(clone.clone())].map(fieldsOf);
            for (const each of after) made(clone.headers, each);
            return Response.json([fields, ...copied, fieldsOf(request)]);
          }),
        );
        const headers = { 'x-a': 'orig', authorization: 'Bearer forged', cookie: 'a=1' };
        const response = await inject({ method: 'POST', url: '/a', body: 'x', headers });
        const [original, ...others] = JSON.parse(response.text()) as unknown[];
        for (const each of others) expect(each).to.deep.equal(original);
      };
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 5 }), fc.array(change, { maxLength: 3 }), check),
        {
          numRuns: 60,
        },
      );
    });

    it('reads the body once for all of them, which count in the bounds of the process', async () => {
      const { inject, quotas } = bench((app) =>
        app.mount('/a', async (request) => {
          const clone = request.clone();
          const reader = clone.body!.getReader();
          const { value } = await reader.read();
          const held = quotas.bodyBytes.held;
          return new Response(`${value!.length} ${await request.text()} ${held >= value!.length}`);
        }),
      );
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (const piece of ['one', 'two']) {
          yield Buffer.from(piece);
          await settled();
        }
      }
      const { text } = await inject({ method: 'POST', url: '/a', body: pieces() });
      expect(text()).to.equal('6 onetwo true');
    });
  });

  it('is rejected by fetch when its body was used, and never throws at once', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', async (request) => {
        await request.text();
        return await fetch(request).catch((error: unknown) => new Response((error as Error).name));
      }),
    );
    expect((await inject({ method: 'POST', url: '/a', body: 'x' })).text()).to.equal('TypeError');
  });

  it('is read as it arrives', async () => {
    const seen = latch();
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first');
      // The rest is sent when the application has seen the beginning.
      await seen.opened;
      yield Buffer.from('second');
    }
    const { inject } = bench((app) =>
      app.mount('/a', async (request) => {
        const read: string[] = [];
        for await (const piece of request.body!) {
          read.push(Buffer.from(piece).toString());
          seen.open();
        }
        return Response.json(read);
      }),
    );
    const { text } = await inject({ method: 'POST', url: '/a', body: pieces() });
    expect(JSON.parse(text())).to.deep.equal(['first', 'second']);
  });

  it('makes the refusal of its body the response, also where the application throws another error', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', { bodyLimit: 3 }, async (request) => {
        await request.text().catch(() => {
          throw new RangeError('of the application');
        });
        return new Response();
      }),
    );
    async function* four(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('four');
    }
    const { status, json } = await inject({ method: 'POST', url: '/a', body: four() });
    expect([status, json().code]).to.deep.equal([413, 'BODY_TOO_LARGE']);
  });

  it('has the scheme of each request, which may differ from that before', async () => {
    const { inject } = bench((app) => app.mount('/a', ({ url }) => new Response(url)), {
      trustedProxies: ['127.0.0.1/32'],
    });
    const urls: string[] = [];
    for (const scheme of ['http', 'https', 'https', 'http']) {
      const headers = { host: 'example.com', 'x-forwarded-proto': scheme };
      urls.push((await inject({ url: '/a/b', headers })).text());
    }
    const [http, https] = ['http://example.com/b', 'https://example.com/b'];
    expect(urls).to.deep.equal([http, https, https, http]);
  });

  it('releases its body at once when it is cancelled, although a read waits for the client', async () => {
    const ticker = new ManualTicker();
    async function* silent(): AsyncGenerator<Uint8Array> {
      await new Promise(() => {});
      yield new Uint8Array(0);
    }
    for (const isRead of [true, false]) {
      const { inject, quotas } = bench(
        (app) =>
          app.mount('/a', async (request) => {
            const reader = request.body!.getReader();
            const reading = isRead ? reader.read() : undefined;
            await settled();
            await reader.cancel('no');
            const end = await reading;
            return new Response(`given up ${end?.done} ${request.bodyUsed}`, { status: 422 });
          }),
        { ticker },
      );
      const { status, text } = await inject({ method: 'POST', url: '/a', body: silent() });
      expect([status, text()]).to.deep.equal([422, `given up ${isRead ? 'true' : 'undefined'} true`]);
      expect(quotas.bodies.held + quotas.bodyBytes.held).to.equal(0);
    }
  });

  it('keeps what a hook has read when its stream is cancelled', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', async (ctx) => void (await ctx.readText()));
      app.mount('/a', async (request, ctx) => {
        await request.body!.cancel();
        return new Response(await ctx.readText());
      });
    });
    expect((await inject({ method: 'POST', url: '/a', body: 'kept' })).text()).to.equal('kept');
  });
});

describe('what a mounted application may do wrong', () => {
  it('throws a Response: a 500 that is logged with what to do, and its stream is cancelled', async () => {
    const cancelled = latch();
    const { inject, logs } = bench((app) => {
      app.mount('/later', async () => {
        throw new Response(new ReadableStream({ cancel: () => cancelled.open() }), { status: 302 });
      });
      app.get('/now', () => {
        throw Response.json({ secret: 1 });
      });
    });
    for (const url of ['/later', '/now']) expect((await inject({ url })).status).to.equal(500);
    await cancelled.opened;
    for (const [at, route] of ['GET /later/*', 'GET /now'].entries())
      expect(JSON.stringify(logs[at])).to.include(`${route} threw a Response: return it`);
  });

  it('returns an object that resembles a Response, with a field that is no text', async () => {
    let times = 0;
    const changing = { toString: () => (times++ === 0 ? 'text/plain' : 'text/html\r\nx-injected: 1') };
    const lists: unknown[] = [
      [['content-type', changing]],
      [[]],
      [['a']],
      [['a', 'b', 'c']],
      ['ab'],
      [[1, 'b']],
      [3],
    ];
    for (const headers of lists) {
      const made = { status: 200, headers, body: 'text', bodyUsed: false, arrayBuffer() {} };
      const { inject } = bench((app) => app.mount('/a', () => made as never));
      const { status, text, headers: sent } = await inject({ url: '/a' });
      expect(status).to.equal(500);
      expect(sent).to.not.have.property('x-injected');
      expect(text()).to.include('headers are not pairs of two texts');
    }
    expect(times).to.equal(0);
  });
});
