import { expect } from 'chai';
import { HeadReader } from '#src/server/framing.js';

const reader = new HeadReader({ maxHeaderBytes: 200, maxUrlBytes: 50 });

function fault(fields: readonly (readonly [string, string])[], method = 'POST', path = '/', query = '') {
  reader.start(method, path, query);
  reader.field('host', 'localhost:8080');
  for (const [name, value] of fields) reader.field(name, value);
  return reader.fault()?.code;
}

describe('framing of a request', () => {
  it('accepts one Content-Length of digits, or chunked, or neither', () => {
    expect(fault([['content-length', '12']])).to.equal(undefined);
    expect(reader.head.contentLength).to.equal(12);
    expect(fault([['transfer-encoding', 'chunked']])).to.equal(undefined);
    expect(reader.head.isChunked).to.equal(true);
    expect(fault([])).to.equal(undefined);
    expect([reader.head.contentLength, reader.head.isChunked]).to.deep.equal([-1, false]);
  });

  for (const value of ['', '+5', '-5', '5x', '0x5', '5,5', '5 5', ' ', '1e3', '9'.repeat(16)]) {
    it(`refuses the Content-Length ${JSON.stringify(value)}`, () => {
      expect(fault([['content-length', value]])).to.equal('MALFORMED_REQUEST');
    });
  }

  it('refuses a Content-Length that appears twice, even when both agree', () => {
    const twice = ['content-length', '5'] as const;
    expect(fault([twice, twice])).to.equal('MALFORMED_REQUEST');
  });

  for (const value of [
    '',
    'gzip',
    'chunked, chunked',
    'gzip, chunked',
    'identity',
    'Chunked',
    'xchunked',
    'chunked ',
  ]) {
    it(`refuses the Transfer-Encoding ${JSON.stringify(value)}`, () => {
      expect(fault([['transfer-encoding', value]])).to.equal('MALFORMED_REQUEST');
    });
  }

  it('refuses Content-Length beside Transfer-Encoding, in either order', () => {
    const length = ['content-length', '5'] as const;
    const coding = ['transfer-encoding', 'chunked'] as const;
    expect(fault([length, coding])).to.equal('MALFORMED_REQUEST');
    expect(fault([coding, length])).to.equal('MALFORMED_REQUEST');
    expect(fault([coding, coding])).to.equal('MALFORMED_REQUEST');
  });

  it('refuses trailers behind chunks, in either order of the fields, and no others', () => {
    const [coding, trailer] = [['transfer-encoding', 'chunked'] as const, ['trailer', 'x-sum'] as const];
    expect(fault([coding, trailer])).to.equal('LENGTH_REQUIRED');
    expect(fault([trailer, coding])).to.equal('LENGTH_REQUIRED');
    expect(fault([trailer])).to.equal(undefined);
    expect(fault([coding])).to.equal(undefined);
  });

  it('requires exactly one valid Host', () => {
    expect(fault([['host', 'other']])).to.equal('MALFORMED_REQUEST');
    for (const host of ['', 'a b', 'a/b', 'a@b', 'a:b', 'user@host:1', '[::1', 'a:123456']) {
      reader.start('GET', '/', '');
      reader.field('host', host);
      expect(reader.fault()?.code, host).to.equal('MALFORMED_REQUEST');
    }
    for (const host of ['a', 'a.b-c:1', '127.0.0.1:80', '[::1]:80', '[fe80::1]', 'a:']) {
      reader.start('GET', '/', '');
      reader.field('host', host);
      expect(reader.fault()?.code, host).to.equal(undefined);
    }
    reader.start('GET', '/', '');
    expect(reader.fault()?.code).to.equal('MALFORMED_REQUEST');
  });

  it('accepts seven methods, in upper case only', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      expect(fault([], method), method).to.equal(undefined);
    }
    for (const method of ['get', 'TRACE', 'CONNECT', 'PROPFIND', 'GE', 'G ET', '']) {
      expect(fault([], method), method).to.equal('METHOD_UNKNOWN');
    }
  });

  it('limits the URL and the header', () => {
    expect(fault([], 'GET', `/${'a'.repeat(49)}`)).to.equal(undefined);
    expect(fault([], 'GET', `/${'a'.repeat(50)}`)).to.equal('URL_TOO_LONG');
    expect(fault([], 'GET', `/${'a'.repeat(39)}`, 'b'.repeat(9))).to.equal(undefined);
    expect(fault([], 'GET', `/${'a'.repeat(39)}`, 'b'.repeat(10))).to.equal('URL_TOO_LONG');
    expect(fault([['x', 'y'.repeat(174)]])).to.equal('HEADERS_TOO_LARGE');
    expect(fault([['x', 'y'.repeat(100)]])).to.equal(undefined);
  });

  it('recognizes `Connection: close` in every spelling', () => {
    for (const [value, close] of [
      ['close', true],
      ['keep-alive, Close', true],
      ['keep-alive', false],
      ['closed', false],
    ] as const) {
      fault([['connection', value]]);
      expect(reader.wantsClose, value).to.equal(close);
    }
  });

  it('keeps nothing of the head before', () => {
    fault([
      ['content-length', '5'],
      ['connection', 'close'],
      ['transfer-encoding', 'x'],
    ]);
    const before = reader.head.headers;
    expect(fault([])).to.equal(undefined);
    expect([reader.head.contentLength, reader.head.isChunked, reader.wantsClose]).to.deep.equal([
      -1,
      false,
      false,
    ]);
    expect(before).to.have.length(8);
  });
});
