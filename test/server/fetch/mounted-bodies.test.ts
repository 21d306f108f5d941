// The body of a request in all forms in which a mounted application reads it.
import { expect } from 'chai';
import { bench, latch, settled } from '../kit.js';

describe('the body of a request to a mounted application', () => {
  it('is refused with the reason, whatever the application makes of the error', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', { bodyLimit: 3 }, async (request) => {
        try {
          return new Response(await request.text());
        } catch {
          return new Response('sorry', { status: 500 });
        }
      }),
    );
    const { status, json } = await inject({ method: 'POST', url: '/a', body: 'four' });
    expect([status, json().code]).to.deep.equal([413, 'BODY_TOO_LARGE']);
  });

  it('is refused behind its stream', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        yield new Uint8Array(1000);
        await settled();
      }
    }
    const { inject } = bench((app) =>
      app.mount('/a', { bodyLimit: 5000 }, async (request) => {
        let length = 0;
        try {
          for await (const piece of request.body!) length += piece.length;
        } catch {
          return new Response(`${length}`);
        }
        return new Response('all');
      }),
    );
    const { status, json } = await inject({ method: 'POST', url: '/a', body: endless() });
    expect([status, json().code]).to.deep.equal([413, 'BODY_TOO_LARGE']);
  });

  const READS: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
    text: (request) => request.text(),
    json: (request) => request.json(),
    arrayBuffer: (request) => request.arrayBuffer(),
    blob: (request) => request.blob(),
    formData: (request) => request.formData(),
    clone: (request) => request.clone().text(),
  };
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

  for (const [what, read] of Object.entries(READS)) {
    it(`fails no thread when it is read by ${what} and given up by both sides`, async () => {
      const begun = latch();
      const { inject } = bench((app) =>
        app.mount('/a', async (request) => {
          void read(request);
          begun.open();
          await new Promise(() => {});
          return new Response();
        }),
      );
      async function* stalled(): AsyncGenerator<Uint8Array> {
        yield Uint8Array.of(123);
        await new Promise(() => {});
      }
      const client = new AbortController();
      const asked = inject({
        method: 'POST',
        url: '/a',
        body: stalled(),
        headers: FORM,
        signal: client.signal,
      });
      await begun.opened;
      client.abort(new Error('gone'));
      await asked.catch(() => {});
      // A rejection that no code handles fails this test by itself.
      await settled();
    });

    it(`fails no thread when a hook has read it before ${what}`, async () => {
      const { inject } = bench((app) => {
        app.hook('onRequest', async (ctx) => {
          for await (const _ of ctx.readStream());
        });
        app.mount('/a', async (request) => {
          void read(request);
          await read(request.clone()).catch(() => {});
          return new Response('done');
        });
      });
      const { status } = await inject({ method: 'POST', url: '/a', body: 'a=1', headers: FORM });
      expect(status).to.be.within(200, 500);
      await settled();
    });

    it(`counts in the bounds of the process when it is read by ${what}`, async () => {
      const { inject } = bench(
        (app) =>
          app.mount('/a', { bodyLimit: 1e6 }, async (request) => new Response(typeof (await read(request)))),
        { quotas: { bodyBytes: [50_000, 50_000] } },
      );
      const body = `a=${'1'.repeat(100_000)}`;
      const { status, json } = await inject({ method: 'POST', url: '/a', body, headers: FORM });
      expect([status, json().code]).to.deep.equal([503, 'OVERLOADED']);
    });

    it(`stays the same for a hook when it is read by ${what}`, async () => {
      const body = `a=${'1'.repeat(5_000)}`;
      const seen = latch<string>();
      const { inject } = bench((app) => {
        app.hook('onRequest', async (ctx) => {
          ctx.state.raw = await ctx.readBytes();
        });
        app.hook('onResponse', (ctx) => seen.open(Buffer.from(ctx.state.raw as Uint8Array).toString()));
        app.mount('/a', async (request) => {
          await read(request).catch(() => {});
          return new Response('done');
        });
      });
      await inject({ method: 'POST', url: '/a', body, headers: FORM });
      expect(await seen.opened).to.equal(body);
    });
  }

  it('takes no memory from the buffers of the thread', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', async (request) => new Response(await new Response(request.body).text())),
    );
    for (let at = 0; at < 50; at++) {
      const { text } = await inject({ method: 'POST', url: '/a', body: `body ${at}` });
      expect(text()).to.equal(`body ${at}`);
      expect(Buffer.from('pool').toString()).to.equal('pool');
    }
  });
});
