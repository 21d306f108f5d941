import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { cors } from '#src/server/hooks/cors.js';
import { bench } from '../kit.js';

const APP = 'https://app.example.org';
const preflight = (url: string, origin = APP, method = 'PUT') => ({
  method: 'OPTIONS',
  url,
  headers: { origin, 'access-control-request-method': method },
});

describe('cors', () => {
  const { inject } = bench((app) => {
    app.hook('onRequest', cors({ origins: [APP], credentials: true, maxAgeSeconds: 60 }));
    app.hook('onRequest', (ctx) => {
      if (!ctx.headers.has('authorization')) throw new HttpError('UNAUTHORIZED', 'Who are you?');
    });
    app.get('/a', () => 'read');
    app.put('/a', { body: Type.Object({}) }, () => 'written');
    app.group('/open', { onRequest: cors({ origins: '*' }) }, (open) => open.get('/b', () => 'b'));
  });
  const known = { authorization: 'me' };

  it('lets listed origins read responses, also refusals', async () => {
    const read = await inject({ url: '/a', headers: { origin: APP, ...known } });
    expect(read.text()).to.equal('read');
    expect(read.headers).to.include({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      vary: 'origin',
    });
    const refused = await inject({ method: 'PUT', url: '/a', headers: { origin: APP, ...known } });
    expect(refused.status).to.equal(400);
    expect(refused.headers).to.include({ 'access-control-allow-origin': APP, vary: 'origin' });
  });

  it('adds no field for other origins', async () => {
    for (const origin of ['https://evil.example', 'null', `${APP}.evil.example`, 'http://app.example.org']) {
      const { headers } = await inject({ url: '/a', headers: { origin, ...known } });
      expect(headers, origin).to.not.have.property('access-control-allow-origin');
      expect(headers.vary).to.equal('origin');
      const asked = await inject(preflight('/a', origin));
      expect([asked.status, asked.headers['access-control-allow-methods']]).to.deep.equal([204, undefined]);
    }
  });

  it('answers preflights before hooks that require credentials', async () => {
    const { status, headers } = await inject(preflight('/a'));
    expect(status).to.equal(204);
    expect(headers).to.include({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'content-type, authorization, idempotency-key',
      'access-control-max-age': '60',
    });
    const plain = await inject({ method: 'OPTIONS', url: '/a', headers: known });
    expect([plain.status, plain.headers.allow]).to.deep.equal([204, 'GET, HEAD, PUT, OPTIONS']);
    expect((await inject(preflight('/nowhere'))).status).to.equal(404);
  });

  it('may allow all origins, without credentials', async () => {
    const open = bench((app) => {
      app.hook('onRequest', cors({ origins: '*' }));
      app.get('/', () => 'x');
    });
    const { headers } = await open.inject({ url: '/', headers: { origin: 'https://any.example' } });
    expect(headers['access-control-allow-origin']).to.equal('*');
    expect(headers).to.not.have.any.keys('vary', 'access-control-allow-credentials');
    expect(() => cors({ origins: '*', credentials: true })).to.throw(TypeError, 'credentials');
  });

  for (const origin of [
    '*',
    'app.example.org',
    'https://app.example.org/',
    'https://*.example.org',
    'HTTPS://A.org',
  ]) {
    it(`refuses ${origin} as an origin`, () => {
      expect(() => cors({ origins: [origin] })).to.throw(TypeError, `"${origin}" is no origin`);
    });
  }
});
