// A mounted application among the routes, limits and hooks of its service.
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { Hono } from 'hono';
import * as undici from 'undici';
import { HttpError } from '#src/errors.js';
import type { Application } from '#src/server/handler.js';
import { octetsOf } from '#src/server/response/field-octets.js';
import { bench, latch } from '../kit.js';

const pathOf = (request: Request): Response => {
  const { pathname, search } = new URL(request.url);
  return new Response(pathname + search);
};

describe('a mounted application', () => {
  const served = async (fill: (app: Application) => void, url: string, method = 'GET') => {
    const { status, text } = await bench(fill).inject({ url, method });
    return [status, text()];
  };

  describe('among the paths', () => {
    const fill = (app: Application): void => {
      app.mount('/a', pathOf);
      app.mount('/kept', { stripPrefix: false }, pathOf);
      app.group('/group', (group) => group.mount('/b', pathOf));
      app.get('/a/own', () => 'own');
      app.get('/a/users/:id', (ctx) => ctx.params.id);
    };
    const paths: Readonly<Record<string, readonly [number, string]>> = {
      '/a': [200, '/'],
      '/a/': [200, '/'],
      '/a?q=1': [200, '/?q=1'],
      '/a/b/c': [200, '/b/c'],
      '/a//b': [200, '//b'],
      '/a/%2e': [400, 'MALFORMED_REQUEST'],
      '/a/../b': [400, 'MALFORMED_REQUEST'],
      '/a/%2E%2e/b': [400, 'MALFORMED_REQUEST'],
      '/a/.%2e': [400, 'MALFORMED_REQUEST'],
      '/a/b\\c': [400, 'MALFORMED_REQUEST'],
      '/a/b#c': [400, 'MALFORMED_REQUEST'],
      '/a/b?c#d': [400, 'MALFORMED_REQUEST'],
      '/%61/b': [404, 'ROUTE_NOT_FOUND'],
      '/a/%61dmin': [400, 'MALFORMED_REQUEST'],
      '/a/admin%2Dpage': [400, 'MALFORMED_REQUEST'],
      '/a/%7euser': [400, 'MALFORMED_REQUEST'],
      '/a/%30': [400, 'MALFORMED_REQUEST'],
      '/a/%5f': [400, 'MALFORMED_REQUEST'],
      '/a/%zz': [400, 'MALFORMED_REQUEST'],
      '/a/%ff': [400, 'MALFORMED_REQUEST'],
      '/a/%C3%BC%20%5B': [200, '/%C3%BC%20%5B'],
      '/a/%2Fb': [200, '/%2Fb'],
      '/a/...': [200, '/...'],
      '/kept/x': [200, '/kept/x'],
      '/group/b/x': [200, '/x'],
      '/a/own': [200, 'own'],
      '/a/users/7': [200, '7'],
      '/a/users/7/x': [200, '/users/7/x'],
      '/ab': [404, 'ROUTE_NOT_FOUND'],
    };
    for (const [url, [status, body]] of Object.entries(paths))
      it(`responds to ${url} with ${status} ${body}`, async () => {
        const [told, text] = await served(fill, url);
        expect(told).to.equal(status);
        if (status === 200) expect(text).to.equal(body);
        else expect((JSON.parse(String(text)) as { code: string }).code).to.equal(body);
      });

    it('sees no path that a guarded one means', async () => {
      const { inject } = bench((app) => {
        app.mount('/', (request) => new Response(decodeURIComponent(new URL(request.url).pathname)));
        app.mount('/admin', { internal: true }, () => new Response('secret'));
      });
      for (let at = 0; at < 'admin'.length; at++) {
        const code = `%${'admin'.charCodeAt(at).toString(16)}`;
        const url = `/${'admin'.slice(0, at)}${code}${'admin'.slice(at + 1)}/users`;
        expect((await inject({ url })).status, url).to.equal(400);
      }
      expect((await inject({ url: '/admin/users' })).status).to.equal(404);
    });

    for (const host of ['127.1', '0x7f.1', 'ex%41mple.com', '[0::1]', 'a..%2e'])
      it(`refuses the host ${host}, which a URL has in another form`, async () => {
        const { inject } = bench((app) => app.mount('/a', pathOf));
        expect((await inject({ url: '/a', headers: { host } })).status).to.equal(400);
      });

    for (const host of ['Example.COM', 'example.com:80', 'example.com:', '[::1]:3000', '127.0.0.1:8080'])
      it(`serves the host ${host}`, async () => {
        const { inject } = bench((app) => app.mount('/a', pathOf));
        expect((await inject({ url: '/a', headers: { host } })).status).to.equal(200);
      });

    it('serves all paths that no route has when it is mounted at /', async () => {
      const all = (app: Application): void => {
        app.mount('/', pathOf);
        app.get('/own', () => 'own');
      };
      expect(await served(all, '/')).to.deep.equal([200, '/']);
      expect(await served(all, '/x/y?z')).to.deep.equal([200, '/x/y?z']);
      expect(await served(all, '/own')).to.deep.equal([200, 'own']);
      expect(await served(all, '/own', 'POST')).to.deep.equal([200, '/own']);
    });
  });

  describe('whose declaration is wrong', () => {
    const wrong: Readonly<Record<string, (app: Application) => void>> = {
      'mount a: the prefix must start with "/"': (app) => app.mount('a', pathOf),
      'mount /a/: the prefix must be static text': (app) => app.mount('/a/', pathOf),
      'mount /:a: the prefix must be static text': (app) => app.mount('/:a', pathOf),
      'mount /*: the prefix must be static text': (app) => app.mount('/*', pathOf),
      'mount /:tenant/a: the prefix must be static text': (app) =>
        app.group('/:tenant', (group) => group.mount('/a', pathOf)),
      'mount /a: it needs an application with a method fetch': (app) => app.mount('/a', {} as never),
      'mount /a: its options are behind the application': (app) =>
        app.mount('/a', new Hono() as never, { stripPrefix: false } as never),
      'mount has no prefix': (app) => (app.mount as (application: unknown) => unknown)(new Hono()),
      'mount /a: unknown option "timeout"': (app) => app.mount('/a', { timeout: 1 } as never, pathOf),
      'mount /a: unknown option "body"': (app) => app.mount('/a', { body: {} } as never, pathOf),
      'mount /a: it has declared GET /a/* already': (app) => {
        app.mount('/a', pathOf);
        app.mount('/a', pathOf);
      },
    };
    for (const [message, fill] of Object.entries(wrong))
      it(`throws: ${message}`, () => {
        expect(() => bench(fill)).to.throw(message);
      });
  });

  it('is an object with a method fetch, which is called on the object', async () => {
    const application = {
      name: 'mine',
      fetch(): Response {
        return new Response(this.name);
      },
    };
    expect(await served((app) => app.mount('/a', application), '/a')).to.deep.equal([200, 'mine']);
  });

  it('gets the context of the request beside it', async () => {
    const fill = (app: Application): void => {
      app.hook('onRequest', (ctx) => {
        ctx.state.user = 'ann';
      });
      app.mount('/a', (_request, ctx) => new Response(`${String(ctx.state.user)} ${ctx.route}`));
    };
    expect(await served(fill, '/a/b')).to.deep.equal([200, 'ann /a/*']);
  });

  it('keeps the fields that hooks have set, except those that it sets itself', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', (ctx) => {
        ctx.header('x-frame-options', 'DENY').header('cache-control', 'no-store').vary('origin');
      });
      app.mount('/a', () => new Response('x', { headers: { 'cache-control': 'public', vary: 'accept' } }));
    });
    const { headers } = await inject({ url: '/a' });
    expect(headers).to.include({ 'x-frame-options': 'DENY', 'cache-control': 'public' });
    expect(headers.vary!.split(/,\s*/).sort()).to.deep.equal(['accept', 'origin']);
  });

  it('sends no field of the connection or of the runtime that it has set', async () => {
    const own = ['connection', 'date', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
    const names = [...own, 'content-length', 'x-multilane-final', 'x-request-id'];
    const { inject } = bench((app) =>
      app.mount('/a', () => new Response('x', { headers: names.map((name) => [name, 'mine']) })),
    );
    const { headers } = await inject({ url: '/a' });
    expect(Object.values(headers)).to.not.include('mine');
    expect(Object.keys(headers)).to.have.members(['content-length', 'content-type', 'x-request-id']);
  });

  it('shares its limits over all methods and paths', async () => {
    const { inject } = bench((app) => app.mount('/a', { rateLimit: '60/minute;burst=3' }, pathOf));
    const statuses: number[] = [];
    for (const [method, url] of [
      ['GET', '/a'],
      ['POST', '/a/b'],
      ['PUT', '/a/c'],
    ] as const)
      statuses.push((await inject({ method, url })).status);
    expect(statuses).to.deep.equal([200, 200, 429]);
  });

  it('is one route in metrics, for each method', async () => {
    const { inject, observer } = bench((app) => app.mount('/a', pathOf));
    for (const url of ['/a', '/a/b', '/a/c/d']) await inject({ url });
    expect(observer.seen.map(({ method, template }) => `${method} ${template}`)).to.deep.equal(
      Array.from({ length: 3 }, () => 'GET /a/*'),
    );
  });

  describe('whose response is not sent', () => {
    const unsent: Readonly<Record<string, (app: Application, made: () => Response) => void>> = {
      'because its body was refused': (app, made) =>
        app.mount('/a', { bodyLimit: 1 }, async (request) => {
          await request.text().catch(() => {});
          return made();
        }),
      'because of a field': (app, made) =>
        app.mount('/a', () => {
          const response = made();
          response.headers.set('x-a', 'a\u0001b');
          return response;
        }),
      'because of its fields together': (app, made) =>
        app.mount('/a', () => {
          const response = made();
          for (let at = 0; at < 70; at++) response.headers.set(`x-${at}`, 'x'.repeat(1000));
          return response;
        }),
    };
    for (const [why, fill] of Object.entries(unsent))
      it(`has its stream cancelled, ${why}`, async () => {
        const cancelled = latch();
        const { inject } = bench((app) =>
          fill(app, () => new Response(new ReadableStream({ cancel: () => cancelled.open() }))),
        );
        // Without an announced length it is refused while the application reads it.
        const body = Readable.from([Buffer.from('two')]);
        const { status } = await inject({ method: 'POST', url: '/a', body });
        expect(status).to.be.oneOf([413, 500]);
        await cancelled.opened;
      });
  });

  it('may have the Response of another package', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', () => new undici.Response('theirs', { status: 203 }) as unknown as Response),
    );
    const { status, text } = await inject({ url: '/a' });
    expect([status, text()]).to.deep.equal([203, 'theirs']);
  });

  it('fails for a Response with members of its own that cannot be sent', async () => {
    const members: readonly PropertyDescriptorMap[] = [
      { status: { value: 99 } },
      { status: { value: '404' } },
      { headers: { value: undefined } },
      { headers: { value: { 'x-a': '1' } } },
      { headers: { value: [['x-a', '1', '2']] } },
      { headers: { value: [['x-a', 'a\nb']] } },
      { bodyUsed: { value: true } },
    ];
    for (const own of members) {
      const { inject } = bench((app) => {
        app.mount('/a', () => Object.defineProperties(new Response('x'), own));
        app.get('/b', () => Object.defineProperties(new Response('x'), own));
      });
      for (const url of ['/a', '/b']) expect((await inject({ url })).status).to.equal(500);
    }
    const { inject } = bench((app) => app.mount('/a', () => Object.setPrototypeOf(new Response('x'), null)));
    expect((await inject({ url: '/a' })).status).to.equal(500);
  });

  it('may have fields of another package, which are sent byte by byte or refused', async () => {
    let value = '';
    const { inject } = bench((app) =>
      app.mount('/a', () => {
        const headers = [['x-a', value]];
        return { status: 200, headers, body: null, bodyUsed: false, async arrayBuffer() {} } as never;
      }),
    );
    // All characters of a byte, and those whose lower half is a control character.
    for (let unit = 0; unit <= 0xffff; unit++) {
      if (unit > 0xff && (unit & 0xff) > 0x20 && (unit & 0xff) !== 0x7f) continue;
      value = `a${String.fromCharCode(unit)}b`;
      const { status, headers } = await inject({ url: '/a' });
      const isValue = unit === 0x09 || (unit >= 0x20 && unit <= 0xff && unit !== 0x7f);
      expect(status, `${unit}`).to.equal(isValue ? 200 : 500);
      if (!isValue) continue;
      const octets = octetsOf(headers['x-a'] as string);
      expect(Buffer.from(octets).toString('latin1'), `${unit}`).to.equal(value);
    }
  });

  describe('passes on no field that Connection names', () => {
    const lines: [string, string][] = [
      ['Connection', 'close, X-Hop'],
      ['x-hop', '1'],
      ['X-Other', '2'],
      ['x-end', '3'],
      ['cOnnection', 'x-other'],
    ];
    const theirs = { status: 200, headers: lines, body: null, bodyUsed: false, async arrayBuffer() {} };
    const made: Readonly<Record<string, () => Response>> = {
      'in one line': () =>
        new Response('x', { headers: { connection: 'close, X-Hop, x-other', 'x-hop': '1', 'x-end': '3' } }),
      'in several lines': () => new Response('x', { headers: lines }),
      'in several lines of the response of another package': () => theirs as never,
    };
    for (const [name, application] of Object.entries(made))
      it(name, async () => {
        const { headers } = await bench((app) => app.mount('/a', application)).inject({ url: '/a' });
        expect(headers).to.have.property('x-end', '3');
        expect(headers).to.not.have.any.keys('x-hop', 'x-other', 'connection');
      });
  });

  it('has no part of a file compressed', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', { compress: true }, () => {
        const headers = { 'content-range': 'bytes 0-1999/5000', 'content-type': 'text/plain' };
        return new Response('x'.repeat(2000), { status: 206, headers });
      }),
    );
    const { headers, text } = await inject({ url: '/a', headers: { 'accept-encoding': 'gzip' } });
    expect([headers['content-encoding'], text().length]).to.deep.equal([undefined, 2000]);
  });

  describe('whose client leaves', () => {
    it('sees it by the signal of the request', async () => {
      const seen = latch<unknown>();
      const begun = latch();
      const { inject } = bench((app) =>
        app.mount('/a', (request) => {
          begun.open();
          request.signal.addEventListener('abort', () => seen.open(request.signal.reason));
          return new Promise<Response>(() => {});
        }),
      );
      const client = new AbortController();
      const asked = inject({ url: '/a', signal: client.signal });
      await begun.opened;
      client.abort(new Error('gone'));
      const reason = await seen.opened;
      expect(reason).to.be.instanceOf(HttpError).with.property('code', 'CLIENT_CLOSED');
      await asked.catch(() => {});
    });

    it('has its stream cancelled, also one that waits', async () => {
      const cancelled = latch();
      const pulled = latch();
      const { inject } = bench((app) =>
        app.mount(
          '/a',
          () =>
            new Response(
              new ReadableStream({
                pull() {
                  pulled.open();
                  return new Promise(() => {});
                },
                cancel: () => cancelled.open(),
              }),
            ),
        ),
      );
      const client = new AbortController();
      const asked = inject({ url: '/a', signal: client.signal });
      await pulled.opened;
      client.abort(new Error('gone'));
      await cancelled.opened;
      await asked.catch(() => {});
    });

    for (const [kind, made] of Object.entries({
      'a Response': (stream: ReadableStream) => new Response(stream),
      'a Response that was asked for its body': (stream: ReadableStream) => {
        const response = new Response(stream);
        expect(response.body).to.equal(stream);
        return response;
      },
      'a ReadableStream': (stream: ReadableStream) => stream as unknown as Response,
    }))
      it(`has the stream of ${kind} cancelled that comes too late`, async () => {
        const [begun, cancelled] = [latch(), latch()];
        const left = latch();
        const late = async (): Promise<Response> => {
          begun.open();
          await left.opened;
          return made(new ReadableStream({ cancel: () => cancelled.open() }));
        };
        const { inject } = bench((app) => app.get('/a', late));
        const client = new AbortController();
        const asked = inject({ url: '/a', signal: client.signal }).catch(() => {});
        await begun.opened;
        client.abort(new Error('gone'));
        await asked;
        left.open();
        await cancelled.opened;
      });

    it('has the stream of a response to HEAD cancelled', async () => {
      const cancelled = latch();
      const { inject } = bench((app) =>
        app.mount('/a', () => new Response(new ReadableStream({ cancel: () => cancelled.open() }))),
      );
      expect((await inject({ method: 'HEAD', url: '/a' })).status).to.equal(200);
      await cancelled.opened;
    });
  });
});

describe('a handler of a route', () => {
  it('may return a Response', async () => {
    const { inject } = bench((app) =>
      app.get('/a', () => new Response('made', { status: 201, headers: { 'x-a': '1' } })),
    );
    const { status, headers, text } = await inject({ url: '/a' });
    expect([status, headers['x-a'], headers['content-length'], text()]).to.deep.equal([
      201,
      '1',
      '4',
      'made',
    ]);
  });

  it('may return a Response of fetch', async () => {
    const { inject } = bench((app) => app.get('/a', () => fetch('data:text/plain,from%20afar')));
    const { status, headers, text } = await inject({ url: '/a' });
    expect([status, headers['content-type'], text()]).to.deep.equal([200, 'text/plain', 'from afar']);
  });

  it('may return a ReadableStream', async () => {
    const { inject } = bench((app) => app.get('/a', () => new Blob(['streamed']).stream()));
    const { status, headers, text } = await inject({ url: '/a' });
    expect([status, headers['content-type'], text()]).to.deep.equal([
      200,
      'application/octet-stream',
      'streamed',
    ]);
  });

  it('may return a Response although its JSON has a schema', async () => {
    const { inject } = bench((app) => {
      app.get('/a', { response: { 200: { type: 'object' } as never } }, () => new Response('as it is'));
    });
    expect((await inject({ url: '/a' })).text()).to.equal('as it is');
  });
});
