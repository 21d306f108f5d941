import { expect } from 'chai';
import fc from 'fast-check';
import type { AdminRoute } from '#src/admin/admin-route.js';
import { Credentials } from '#src/admin/credentials.js';
import { FailedTokens } from '#src/admin/failed-tokens.js';
import { foreignSite } from '#src/admin/site-check.js';
import { get } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { closePlanes, plane } from './admin-fixture.js';

const TOKEN = 'operator-token-of-32-characters!';
const route = (path: string, access?: AdminRoute['access']): AdminRoute => ({
  method: 'GET',
  path,
  handler: ({ grants }) => ({ status: 200, json: { grants } }),
  ...(access === undefined ? {} : { access }),
});
const ROUTES = [route('/livez', 'open'), route('/workers'), route('/registry', 'delegate')];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('admin access', () => {
  afterEach(closePlanes);

  it('requires the token on all routes that are not open', async () => {
    const { url } = await plane(ROUTES, { token: TOKEN });
    expect((await get(`${url}/livez`)).status).to.equal(200);
    const missing = await get(`${url}/workers`);
    expect(missing.headers.get('www-authenticate')).to.equal('Bearer realm="multilane"');
    expect((await expectProblem(missing, 401, 'UNAUTHORIZED')).detail).to.include('ADMIN_TOKEN');
    const wrong = await get(`${url}/workers`, bearer('no'));
    expect(wrong.headers.get('www-authenticate')).to.contain('error="invalid_token"');
    expect((await expectProblem(wrong, 401, 'UNAUTHORIZED')).detail).to.include('ADMIN_TOKEN');
    expect(await (await get(`${url}/workers`, bearer(TOKEN))).json()).to.deep.equal({ grants: 'all' });
    expect((await get(`${url}/workers`, { authorization: `bearer ${TOKEN}` })).status).to.equal(200);
  });

  it('does not reveal which paths exist to a client without a token', async () => {
    const { url } = await plane(ROUTES, { token: TOKEN });
    await expectProblem(await get(`${url}/nowhere`), 401, 'UNAUTHORIZED');
    await expectProblem(await fetch(`${url}/workers`, { method: 'DELETE' }), 401, 'UNAUTHORIZED');
    await expectProblem(await fetch(`${url}/livez`, { method: 'DELETE' }), 405, 'METHOD_NOT_ALLOWED');
  });

  it('admits a delegate token to delegate routes alone, with its grants', async () => {
    const delegates = [{ token: 'for-orders', grants: ['orders'] }];
    const { url } = await plane(ROUTES, { token: TOKEN, delegates });
    const answer = await get(`${url}/registry`, bearer('for-orders'));
    expect(await answer.json()).to.deep.equal({ grants: ['orders'] });
    const beyond = await get(`${url}/workers`, bearer('for-orders'));
    expect(beyond.headers.get('www-authenticate')).to.contain('insufficient_scope');
    await expectProblem(beyond, 401, 'UNAUTHORIZED');
    expect(await (await get(`${url}/registry`, bearer(TOKEN))).json()).to.deep.equal({ grants: 'all' });
  });

  it('refuses wrong tokens from an address after ten in a minute, and never a right one', async () => {
    const delegates = [{ token: 'for-orders', grants: ['orders'] }];
    const { url } = await plane(ROUTES, { token: TOKEN, delegates });
    for (let count = 0; count < 10; count++) {
      expect((await get(`${url}/workers`, bearer(`guess-${count}`))).status).to.equal(401);
    }
    const refused = await get(`${url}/workers`, bearer('guess-11'));
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60);
    await expectProblem(refused, 429, 'RATE_LIMITED');
    expect((await get(`${url}/workers`, bearer(TOKEN))).status).to.equal(200);
    expect((await get(`${url}/registry`, bearer('for-orders'))).status).to.equal(200);
    await expectProblem(await get(`${url}/workers`), 401, 'UNAUTHORIZED');
    expect((await get(`${url}/livez`)).status, 'open routes stay open').to.equal(200);
  });

  it('admits every client when there is no token', async () => {
    const { url } = await plane(ROUTES);
    expect((await get(`${url}/workers`, bearer('whatever'))).status).to.equal(200);
    expect((await get(`${url}/workers`)).status).to.equal(200);
  });

  it('refuses a foreign Host, Origin or web site even on open routes and with the token', async () => {
    const { url, port } = await plane(ROUTES, { token: TOKEN, allowedHosts: ['admin.example'] });
    for (const headers of [
      { host: 'evil.example' },
      { host: `evil.example:${port}` },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'document' },
    ]) {
      for (const path of ['/livez', '/workers']) {
        await expectProblem(await request(url + path, { ...bearer(TOKEN), ...headers }), 403, 'CROSS_SITE');
      }
    }
    for (const headers of [
      { host: 'localhost' },
      { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` },
      { host: 'ADMIN.example:9901', origin: 'https://admin.example:9901' },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ]) {
      expect((await request(`${url}/livez`, headers)).status, JSON.stringify(headers)).to.equal(200);
    }
  });
});

/** Sends a request with a Host of its own, which fetch does not allow. */
async function request(url: string, headers: Record<string, string>) {
  const { Wire } = await import('#test/support/wire.js');
  const wire = await Wire.open(url);
  const { host, pathname } = new URL(url);
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  wire.write(`GET ${pathname} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`);
  const answer = await wire.response();
  wire.destroy();
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

describe('the site check of the admin plane', () => {
  const check = (host: string, bound = '0.0.0.0', localAddress = '192.0.2.1', allowed: string[] = []) =>
    foreignSite({ host, origin: undefined, fetchSite: undefined, localAddress }, bound, allowed);

  it('admits a link of the same site to its page, and no other request of it', () => {
    const sameSite = (opensPage: boolean) => ({
      ...{ host: 'localhost', origin: undefined, fetchSite: 'same-site', opensPage, localAddress: '::1' },
    });
    expect(foreignSite(sameSite(true), '::1', [])).to.equal(undefined);
    expect(foreignSite(sameSite(false), '::1', [])).to.be.a('string');
  });

  it('admits its own names', () => {
    expect(check('127.0.0.1:9901', '127.0.0.1')).to.equal(undefined);
    expect(check('[::1]:9901', '::1')).to.equal(undefined);
    expect(check('localhost')).to.equal(undefined);
    expect(check('192.0.2.1'), 'the address the client reached').to.equal(undefined);
    expect(check('192.0.2.1:1', '::', '::ffff:192.0.2.1')).to.equal(undefined);
    expect(check('a.example:9901', '::', '::1', ['A.example:9901'])).to.equal(undefined);
    expect(check('[fd00::1]:9901', '::', '::1', ['[fd00::1]'])).to.equal(undefined);
  });

  it('rejects all other names', () => {
    for (const host of ['', 'localhost.evil.example', 'evil.example', '192.0.2.2', 'localhost.', '[::1']) {
      expect(check(host), host).to.include('ADMIN_ALLOWED_HOSTS');
    }
    expect(check('a.example:1', '::', '::1', ['a.example:9901'])).to.be.a('string');
  });
});

describe('the credentials of the admin plane', () => {
  it('accept exactly their tokens', () => {
    const credentials = new Credentials(TOKEN, [{ token: 'd', grants: ['a'] }]);
    fc.assert(
      fc.property(fc.string(), (token) => {
        fc.pre(token !== TOKEN && token !== 'd');
        expect(credentials.identify(`Bearer ${token}`)).to.equal('wrong');
        expect(credentials.identify(token)).to.equal('wrong');
      }),
    );
    expect(credentials.identify(undefined)).to.equal('missing');
    expect(credentials.identify(`Bearer ${TOKEN}`)).to.deep.equal({ grants: 'all' });
    expect(credentials.identify('Bearer d')).to.deep.equal({ grants: ['a'] });
  });

  it('distinguish an operator without a token from a delegate with one', () => {
    const credentials = new Credentials(undefined, [{ token: 'd', grants: ['a'] }]);
    expect(credentials.identify(undefined)).to.deep.equal({ grants: 'all' });
    expect(credentials.identify('Bearer d')).to.deep.equal({ grants: ['a'] });
    expect(credentials.identify('Bearer x')).to.equal('wrong');
  });
});

describe('failed tokens', () => {
  it('are limited to ten in the minute that begins with the first', () => {
    let now = 0;
    const failed = new FailedTokens(() => now);
    for (let count = 0; count < 10; count++) {
      expect(failed.failed('192.0.2.1')).to.equal(0);
      now += 1000;
    }
    expect(failed.failed('192.0.2.1')).to.equal(50);
    expect(failed.failed('192.0.2.2')).to.equal(0);
    now = 60_000;
    for (let count = 0; count < 10; count++) expect(failed.failed('192.0.2.1')).to.equal(0);
    expect(failed.failed('192.0.2.1')).to.equal(60);
  });

  it('count an IPv6 network as one host, and an IPv4 address the same over both families', () => {
    const failed = new FailedTokens(() => 0);
    for (let count = 0; count < 10; count++) {
      failed.failed(`2001:db8::${count}`);
      failed.failed(count % 2 ? '192.0.2.1' : '::ffff:192.0.2.1');
    }
    expect(failed.failed('2001:db8:0:0:1:2:3:4')).to.equal(60);
    expect(failed.failed('2001:db8:0:1::1')).to.equal(0);
    expect(failed.failed('::1')).to.equal(0);
    expect(failed.failed('192.0.2.1')).to.equal(60);
  });

  it('forget the oldest addresses when there are very many', () => {
    const failed = new FailedTokens(() => 0);
    for (let count = 0; count < 10; count++) failed.failed('192.0.2.1');
    for (let count = 0; count < 10_000; count++) failed.failed(`10.0.${count >> 8}.${count & 255}`);
    expect(failed.failed('192.0.2.1')).to.equal(0);
  });
});
