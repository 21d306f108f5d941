import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { servicePath } from '#src/gateway/service-path.js';

/** What the router makes of a path: its wildcard is decoded. */
const pathOf = (own: string, query = ''): string =>
  servicePath(`/svc/orders${own}`, query, decodeURIComponent(own.slice(1)));

describe('the path of a request behind the gateway', () => {
  for (const [own, query, expected] of [
    ['/api/orders/1', 'x=1', '/api/orders/1?x=1'],
    ['/', '', '/'],
    ['/a//b', '', '/a//b'],
    ['/a%2Fb', '', '/a%2Fb'],
    ['/caf%C3%A9', 'q=%E9', '/caf%C3%A9?q=%E9'],
    ['/...', '', '/...'],
    ['/.well-known/x', '', '/.well-known/x'],
    ['/a..b/c.', '', '/a..b/c.'],
    ['/%252e%252e/x', '', '/%252e%252e/x'],
    ['/a/%2Fb', '', '/a/%2Fb'],
  ] as const) {
    it(`is passed on as it was written: ${own}`, () => {
      expect(pathOf(own, query)).to.equal(expected);
    });
  }

  for (const own of [
    '/..',
    '/../x',
    '/a/./b',
    '/a/%2e%2e/b',
    '/a/.%2E/b',
    '/a%2f..%2fb',
    '/..%2Fb',
    '/..%5cb',
    '/a\\..\\b',
    '/..;x=1/b',
    '/%2e%2e;/b',
    '/a/..%3fx',
    '/a/..%23',
    '//other.example/x',
    '/%2fother.example/x',
    '/%2F%2Fother.example/x',
    '/\\other.example/x',
    '/%5cother.example/x',
    '/%5C/other.example/x',
    '/a%00b',
    '/a%0d%0ab',
    '/a#b',
  ]) {
    it(`is refused when it could lead out of the service: ${own}`, () => {
      expect(() => pathOf(own))
        .to.throw(HttpError)
        .with.property('code', 'MALFORMED_REQUEST');
    });
  }

  it('is refused with a query that cannot be passed on', () => {
    expect(() => pathOf('/a', 'x= '))
      .to.throw(HttpError)
      .with.property('code', 'MALFORMED_REQUEST');
  });

  it('begins behind the prefix, however the name of the service was encoded', () => {
    expect(servicePath('/svc/%6frders/api', '', 'api')).to.equal('/api');
  });
});
