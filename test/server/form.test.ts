import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { MAX_FORM_FIELDS } from '#src/server/body/form.js';
import { bench } from './kit.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };

describe('a form', () => {
  const { inject } = bench((app) => {
    app.post('/read', async (ctx) => {
      const form = await ctx.readForm();
      return [form.get('name'), form.getAll('tag')];
    });
    const Signup = Type.Object({
      name: Type.String({ minLength: 1 }),
      age: Type.Integer(),
      tags: Type.Array(Type.String()),
    });
    app.post('/typed', { body: Signup, bodyType: 'form' }, (ctx) => ctx.body);
    app.post('/json', { body: Type.Object({}) }, (ctx) => ctx.body);
  });
  const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = FORM) =>
    inject({ method: 'POST', url, body, headers });

  it('is read as decoded fields, with repeated ones', async () => {
    const body = 'name=Ada+L%C3%B6velace&tag=a&tag=b';
    expect((await post('/read', body)).json()).to.deep.equal(['Ada Lövelace', ['a', 'b']]);
  });

  it('is coerced and validated by a schema', async () => {
    expect((await post('/typed', 'name=Ada&age=36&tags=x&other=1')).json()).to.deep.equal({
      name: 'Ada',
      age: 36,
      tags: ['x'],
    });
    const { status, json } = await post('/typed', 'name=&age=x&tags=y');
    expect([status, json().errors.map(({ path }) => path)]).to.deep.equal([422, ['/name', '/age']]);
  });

  it('is refused where it is not expected, and other bodies where it is', async () => {
    expect((await post('/json', 'a=b')).status).to.equal(415);
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain']) {
      expect((await post('/read', 'a=b', { 'content-type': type })).json().code, type).to.equal(
        'UNSUPPORTED_MEDIA_TYPE',
      );
    }
  });

  it('is refused when it is compressed, not UTF-8, or made of too many fields', async () => {
    const coded = await post('/read', 'a=b', { ...FORM, 'content-encoding': 'gzip' });
    expect([coded.status, coded.headers['accept-encoding']]).to.deep.equal([415, 'identity']);
    expect((await post('/read', 'a=b', { ...FORM, 'content-encoding': 'identity' })).status).to.equal(200);
    expect((await post('/read', Uint8Array.of(0x61, 0x3d, 0xff))).json().code).to.equal('MALFORMED_BODY');
    expect((await post('/read', '&'.repeat(MAX_FORM_FIELDS - 1))).status).to.equal(200);
    expect((await post('/read', '&'.repeat(MAX_FORM_FIELDS))).json().code).to.equal('BODY_TOO_LARGE');
  });
});

describe('a compressed body', () => {
  it('is refused where text is read, and passed on where bytes are read', async () => {
    const { inject } = bench((app) => {
      app.post('/text', async (ctx) => ctx.readText());
      app.post('/json', async (ctx) => ctx.readJson());
      app.post('/typed', { body: Type.Object({}) }, () => null);
      app.post('/bytes', async (ctx) => ctx.readBytes());
    });
    const headers = { 'content-type': 'application/json', 'content-encoding': 'br' };
    for (const [url, status] of Object.entries({
      '/text': 415,
      '/json': 415,
      '/typed': 415,
      '/bytes': 200,
    })) {
      expect((await inject({ method: 'POST', url, headers, body: '{}' })).status, url).to.equal(status);
    }
  });
});
