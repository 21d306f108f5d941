import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError, NotFoundError } from '#src/errors.js';
import { SENT } from '#src/server/handler.js';
import { bench, settled } from './kit.js';

describe('a response', () => {
  it('is what the handler returns', async () => {
    const { inject } = bench((app) => {
      app.get('/object', () => ({ a: 1, b: undefined }));
      app.get('/null', () => null);
      app.get('/number', async () => 5);
      app.get('/text', () => 'tëxt');
      app.get('/bytes', async () => Uint8Array.of(1, 2));
      app.get('/nothing', () => undefined);
    });
    const seen = async (url: string) => {
      const { status, headers, text } = await inject({ url });
      return [status, headers['content-type'], text()];
    };
    expect(await seen('/object')).to.deep.equal([200, 'application/json', '{"a":1}']);
    expect(await seen('/null')).to.deep.equal([200, 'application/json', 'null']);
    expect(await seen('/number')).to.deep.equal([200, 'application/json', '5']);
    expect(await seen('/text')).to.deep.equal([200, 'text/plain; charset=utf-8', 'tëxt']);
    expect(await seen('/bytes')).to.deep.equal([200, 'application/octet-stream', '\u0001\u0002']);
    expect(await seen('/nothing')).to.deep.equal([204, undefined, '']);
  });

  it('is what a responder was called with, with status and header fields', async () => {
    const { inject } = bench((app) => {
      app.get('/json', (ctx) => ctx.status(201).header('X-A', 'b').json([1]));
      app.get('/html', (ctx) => ctx.html('<p>'));
      app.get('/typed', (ctx) => ctx.header('content-type', 'text/csv').text('a,b'));
      app.get('/bytes', (ctx) => ctx.bytes(Uint8Array.of(65), 'image/x'));
      app.get('/redirect', (ctx) => ctx.redirect('/json', 307));
    });
    expect(await inject({ url: '/json' })).to.deep.include({ status: 201 });
    expect((await inject({ url: '/json' })).headers).to.include({ 'x-a': 'b', 'content-length': '3' });
    expect((await inject({ url: '/html' })).headers['content-type']).to.equal('text/html; charset=utf-8');
    expect((await inject({ url: '/typed' })).headers['content-type']).to.equal('text/csv');
    expect((await inject({ url: '/bytes' })).headers['content-type']).to.equal('image/x');
    const { status, headers } = await inject({ url: '/redirect' });
    expect([status, headers.location, headers['content-length']]).to.deep.equal([307, '/json', '0']);
  });

  it('is serialized by the schema of its status, which omits unlisted members', async () => {
    const Item = Type.Object({ id: Type.Integer() });
    const { inject } = bench((app) => {
      app.get('/:status', { response: { 200: Item } }, (ctx) => {
        ctx.status(Number(ctx.params.status));
        return { id: 1, password: 'x' };
      });
    });
    expect((await inject({ url: '/200' })).text()).to.equal('{"id":1}');
    expect((await inject({ url: '/202' })).text()).to.equal('{"id":1,"password":"x"}');
  });

  it('is a 500 when a declared response is missing or cannot be sent', async () => {
    const { inject, logs } = bench((app) => {
      app.get('/undefined', { response: { 200: Type.Object({}) } }, () => undefined as never);
      app.get('/none', { response: { 200: Type.Object({}), 204: Type.Null() } }, () => undefined);
      app.get('/required', { response: { 200: Type.Object({ id: Type.Integer() }) } }, () => ({}) as never);
      app.get('/function', () => () => {});
      app.get('/bigint', () => ({ n: 10n }));
      app.get('/elsewhere', () => SENT);
    });
    for (const url of ['/undefined', '/required', '/function', '/bigint', '/elsewhere']) {
      const { status, json } = await inject({ url });
      expect([status, json().code], url).to.deep.equal([500, 'INTERNAL']);
    }
    expect((await inject({ url: '/none' })).status).to.equal(204);
    expect(logs).to.have.length(5);
  });

  it('is sent once: a second one is a fault that is logged', async () => {
    const { inject, logs } = bench((app) => {
      app.get('/', (ctx) => {
        ctx.json(1);
        return ctx.json(2);
      });
    });
    expect((await inject({ url: '/' })).text()).to.equal('1');
    expect(logs.map(({ msg }) => msg)).to.deep.equal(['a handler failed after its response']);
  });

  it('cannot have a status that HTTP does not have', async () => {
    const { inject } = bench((app) => {
      app.get('/:status', (ctx) => ctx.status(Number(ctx.params.status)).text(''));
    });
    for (const status of [100, 199, 600, 0, 200.5, Number.NaN]) {
      expect((await inject({ url: `/${status}` })).status, String(status)).to.equal(500);
    }
  });

  it('cannot be split by a header field, and keeps nothing of a failed preparation', async () => {
    const { inject } = bench((app) => {
      app.get('/', (ctx) => ctx.header('x-a', 'b').header('x-b', ctx.query.get('v') ?? ''));
    });
    const { status, headers } = await inject({ url: '/?v=a%0D%0Aset-cookie:%20x' });
    expect([status, headers['x-a'], headers['set-cookie']]).to.deep.equal([500, undefined, undefined]);
  });

  it('streams what the source yields', async () => {
    const { inject, observer } = bench((app) => {
      app.get('/', (ctx) =>
        ctx.stream(
          (async function* () {
            yield 'a';
            await settled();
            yield Uint8Array.of(98);
          })(),
          'text/plain',
        ),
      );
    });
    const { text, headers } = await inject({ url: '/' });
    expect([text(), headers['content-type'], headers['content-length']]).to.deep.equal([
      'ab',
      'text/plain',
      undefined,
    ]);
    expect(observer.seen.map(({ status }) => status)).to.deep.equal([200]);
    const head = await inject({ url: '/', method: 'HEAD' });
    expect([head.status, head.text(), head.headers['content-length']]).to.deep.equal([200, '', undefined]);
  });
});

describe('a failure', () => {
  it('of a handler is sent to the client, and logged only when it is a fault of the server', async () => {
    const { inject, logs, observer } = bench((app) => {
      app.get('/known', async () => {
        throw new NotFoundError('No such thing.');
      });
      app.get('/unknown', async () => {
        throw new Error('secret');
      });
      app.get('/hostile', () => {
        throw new Proxy(
          {},
          {
            getPrototypeOf: () => {
              throw new Error('no');
            },
          },
        );
      });
    });
    const { status, json } = await inject({ url: '/known' });
    expect([status, json().code, json().detail]).to.deep.equal([404, 'NOT_FOUND', 'No such thing.']);
    expect(logs).to.have.length(0);
    expect((await inject({ url: '/unknown' })).text()).to.not.include('secret');
    expect((logs[0]!.err as { message: string }).message).to.equal('secret');
    expect((await inject({ url: '/hostile' })).status).to.equal(500);
    expect(observer.seen.map(({ error }) => error)).to.deep.equal(['NOT_FOUND', 'INTERNAL', 'INTERNAL']);
  });

  it('is replaced by the response of the nearest onError hook that returns one', async () => {
    const order: string[] = [];
    const { inject } = bench((app) => {
      app.hook('onError', (_ctx, error) => {
        order.push('outer');
        return { outer: (error as Error).message };
      });
      app.group('/in', (inner) => {
        inner.hook('onError', (ctx) => {
          order.push('inner');
          return ctx.query.has('inner') ? 'inner' : undefined;
        });
        inner.get('/x', () => {
          throw new HttpError('EMAIL_TAKEN', 'taken');
        });
      });
    });
    const outer = await inject({ url: '/in/x' });
    expect([outer.status, outer.text()]).to.deep.equal([409, '{"outer":"taken"}']);
    expect((await inject({ url: '/in/x?inner' })).text()).to.equal('inner');
    expect(order).to.deep.equal(['inner', 'outer', 'inner']);
  });

  it('of an onError hook does not hide the failure', async () => {
    const { inject, logs } = bench((app) => {
      app.hook('onError', () => {
        throw new Error('hook');
      });
      app.get('/', () => {
        throw new NotFoundError('gone');
      });
    });
    expect((await inject({ url: '/' })).status).to.equal(404);
    expect(logs.map(({ msg }) => msg)).to.deep.equal(['an onError hook failed']);
  });
});
