import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { csrfGuard } from '#src/server/hooks/csrf-guard.js';
import { hostGuard } from '#src/server/hooks/host-guard.js';
import { refererGuard } from '#src/server/hooks/referer-guard.js';
import { securityHeaders } from '#src/server/hooks/security-headers.js';
import { bench } from '../kit.js';

describe('csrfGuard', () => {
  const { inject, observer } = bench((app) => {
    app.hook('onRequest', csrfGuard({ origins: ['https://app.example.org'] }));
    app.all('/', () => 'done');
  });
  const host = 'shop.example:8080';

  for (const [what, headers, status] of [
    ['no browser', {}, 200],
    ['a page of ours', { 'sec-fetch-site': 'same-origin', origin: 'https://shop.example:8080' }, 200],
    ['the address bar', { 'sec-fetch-site': 'none' }, 200],
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    ['another site without an origin', { 'sec-fetch-site': 'cross-site' }, 403],
    ['another host of our site', { 'sec-fetch-site': 'same-site', origin: 'https://blog.example' }, 403],
    ['a trusted origin', { 'sec-fetch-site': 'cross-site', origin: 'https://app.example.org' }, 200],
    ['an older browser, a page of ours', { origin: 'http://shop.example:8080' }, 200],
    ['an older browser, another port', { origin: 'http://shop.example' }, 403],
    ['an older browser, another site', { origin: 'https://evil.example' }, 403],
    ['a sandboxed page', { origin: 'null' }, 403],
    ['an origin that is none', { origin: '//shop.example:8080' }, 403],
    ['a made up site', { 'sec-fetch-site': 'sure', origin: 'http://shop.example:8080' }, 403],
  ] as const) {
    it(`answers ${status} to a POST of ${what}`, async () => {
      const answer = await inject({ method: 'POST', url: '/', headers: { host, ...headers } });
      expect(answer.status).to.equal(status);
      if (status === 403) expect(answer.json().code).to.equal('CROSS_SITE');
      expect((await inject({ url: '/', headers: { host, ...headers } })).status, 'GET').to.equal(200);
    });
  }

  it('counts refused requests', () => {
    expect(new Set(observer.refusals)).to.deep.equal(new Set(['cross_site']));
  });
});

describe('hostGuard', () => {
  const { inject, observer } = bench(
    (app) => {
      app.hook('onRequest', hostGuard(['shop.example', '*.shop.example', '[::1]']));
      app.get('/', () => 'in');
    },
    { trustedProxies: ['10.0.0.0/8'] },
  );
  const asked = async (host: string, more: object = {}) => {
    const { headers = {}, ...rest } = more as { headers?: Record<string, string> };
    return (await inject({ url: '/', headers: { host, ...headers }, ...rest })).status;
  };

  it('admits the listed names', async () => {
    for (const host of [
      'shop.example',
      'SHOP.example:8080',
      'a.shop.example',
      'a.b.shop.example',
      '[::1]:80',
    ]) {
      expect(await asked(host), host).to.equal(200);
    }
  });

  it('refuses other names, and counts them', async () => {
    const others = [
      'evil.example',
      'xshop.example',
      'shop.example.evil.example',
      '.shop.example',
      '127.0.0.1',
    ];
    for (const host of others) expect(await asked(host), host).to.equal(421);
    expect(observer.refusals).to.deep.equal(others.map(() => 'misdirected_request'));
  });

  it('uses the host that a trusted proxy reports, and of no other peer', async () => {
    const headers = { 'x-forwarded-host': 'shop.example' };
    expect(await asked('10.0.0.9', { headers, remoteAddress: '10.0.0.1' })).to.equal(200);
    expect(await asked('10.0.0.9', { headers, remoteAddress: '192.0.2.1' })).to.equal(421);
    const appended = { 'x-forwarded-host': 'shop.example, evil.example' };
    expect(await asked('10.0.0.9', { headers: appended, remoteAddress: '10.0.0.1' })).to.equal(421);
  });

  it('admits calls of services in this process', async () => {
    expect(await asked('localhost', { inProcess: true })).to.equal(200);
  });

  it('refuses invalid names at registration', () => {
    for (const name of ['Shop.example', 'shop.example:80', 'a/b', '']) {
      expect(() => hostGuard([name])).to.throw(TypeError, `"${name}"`);
    }
    expect(() => hostGuard([])).to.throw(TypeError);
    expect(() => hostGuard('a.example' as never)).to.throw(TypeError, 'hosts must be an array');
    expect(() => hostGuard([1 as never])).to.throw(TypeError, '1 is no host name');
  });
});

describe('refererGuard', () => {
  it('refuses requests that other pages refer to', async () => {
    const { inject } = bench((app) => {
      app.get('/cat.jpg', { onRequest: refererGuard(['https://friend.example']) }, () => 'cat');
    });
    const from = async (referer?: string) =>
      (await inject({ url: '/cat.jpg', headers: { host: 'us.example', ...(referer ? { referer } : {}) } }))
        .status;
    expect(await from()).to.equal(200);
    expect(await from('https://us.example/page')).to.equal(200);
    expect(await from('https://friend.example/x?y')).to.equal(200);
    expect(await from('https://thief.example/us.example')).to.equal(403);
    expect(await from('garbage')).to.equal(403);
  });
});

describe('securityHeaders', () => {
  it('are on responses and problem documents, and a handler may override them', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', securityHeaders());
      app.get('/', () => ({}));
      app.get('/page', (ctx) => ctx.header('content-security-policy', "default-src 'self'").html('<p>'));
      app.post('/typed', { body: Type.Object({}) }, () => ({}));
    });
    for (const answer of [await inject({ url: '/' }), await inject({ method: 'POST', url: '/typed' })]) {
      expect(answer.headers).to.include({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': 'max-age=15552000',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
      });
      expect(answer.headers['content-security-policy']).to.include("frame-ancestors 'none'");
    }
    expect((await inject({ url: '/page' })).headers['content-security-policy']).to.equal(
      "default-src 'self'",
    );
  });

  it('can be omitted one by one', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', securityHeaders({ hstsSeconds: false, contentSecurityPolicy: false }));
      app.get('/', () => ({}));
    });
    const { headers } = await inject({ url: '/' });
    expect(headers).to.not.have.any.keys('strict-transport-security', 'content-security-policy');
  });
});

describe('refusals of the edge', () => {
  it('are counted by their code, those of handlers are not', async () => {
    const { inject, observer } = bench((app) => {
      app.post('/small', { bodyLimit: 1 }, (ctx) => ctx.readText());
      app.post('/whole', { chunked: 'reject' }, (ctx) => ctx.readText());
      app.get('/busy', () => {
        throw new HttpError('BODY_TOO_LARGE', 'My own.');
      });
    });
    await inject({ method: 'POST', url: '/small', body: 'xx' });
    await inject({ method: 'POST', url: '/small', body: 'xx', headers: { 'transfer-encoding': 'chunked' } });
    await inject({ method: 'POST', url: '/whole', body: 'x', headers: { 'transfer-encoding': 'chunked' } });
    await inject({ method: 'BREW', url: '/small' });
    expect((await inject({ url: '/busy' })).status).to.equal(413);
    expect(observer.refusals).to.deep.equal([
      'body_too_large',
      'body_too_large',
      'length_required',
      'method_unknown',
    ]);
  });
});
