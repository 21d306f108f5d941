// The URL of a request to a mounted application, for targets as clients may send them.
import { expect } from 'chai';
import * as fc from 'fast-check';
import { RequestUrls } from '#src/server/fetch/request-url.js';
import { bench } from '../kit.js';

const urls = new RequestUrls('/a'.length);

/** @returns undefined for a target that is refused */
function urlOf(rest: string, query = '', host = 'localhost', scheme = 'http'): string | undefined {
  const request = { exchange: { head: { path: `/a${rest}`, query } }, host, requestedScheme: scheme };
  try {
    return urls.of(request as never);
  } catch (error) {
    expect(error).to.have.property('code', 'MALFORMED_REQUEST');
    return undefined;
  }
}

/** What an application makes of a path: its characters, where they are encoded as UTF-8. */
const decoded = (path: string): string => path.replace(/(?:%[\da-f]{2})+/gi, decodeURIComponent);

const VISIBLE = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i));
const ALL = Array.from({ length: 0x180 }, (_, i) => String.fromCharCode(i));
/** These would be removed, end the path, or mean a slash or a segment that is removed. */
const REFUSED_IN_PATH = /[\0- \x7f#\\]/;
const REFUSED_IN_QUERY = /[\0- \x7f#]/;

describe('the URL of a request to a mounted application', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2F',
      '%C3%BC',
      '%ff',
      '%zz',
      '%',
      '\u{1f600}',
      '\ud800',
      '\ufffd',
    ),
    fc.constantFrom(...VISIBLE),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const text = fc.array(piece, { maxLength: 12 }).map((all) => all.join(''));
  // A path ends before the first question mark.
  const rest = text.map((behind) => (behind === '' ? '' : `/${behind.replaceAll('?', '')}`));

  it('is what a URL parser makes of it, for every target that is served', () => {
    const hosts = fc.constantFrom('localhost', 'Example.COM:8080', 'example.com:80', '[::1]:3000');
    fc.assert(
      fc.property(rest, text, hosts, (path, query, host) => {
        const url = urlOf(path, query, host);
        if (url === undefined) return;
        expect(new URL(url).href).to.equal(url);
        expect(new Request(url).url).to.equal(url);
      }),
      { numRuns: 2000 },
    );
  });

  it('means the path that was sent, character by character', () => {
    const units = [...VISIBLE.filter((unit) => unit !== '?'), 'ü', '\u{1f600}'];
    const segment = fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        // A percent sign before other characters is no encoded byte; the router refuses those that it cannot
        // decode.
        const path = `/${segments.join('/')}`.replaceAll('%', '%25');
        const url = urlOf(path);
        if (url !== undefined) expect(decoded(new URL(url).pathname)).to.equal(decoded(path));
      }),
      { numRuns: 2000 },
    );
  });

  it('has host and scheme of each request, whatever came before it', () => {
    for (const host of ['one', 'two', 'one'])
      for (const scheme of ['http', 'https', 'http'])
        expect(urlOf('/x', '', host, scheme)).to.equal(`${scheme}://${host}/x`);
  });

  it('is refused for a few characters only', () => {
    for (const character of ALL) {
      const name = JSON.stringify(character);
      expect(urlOf(`/x${character}y`) === undefined, name).to.equal(REFUSED_IN_PATH.test(character));
      expect(urlOf('/', `x${character}y`) === undefined, name).to.equal(REFUSED_IN_QUERY.test(character));
    }
  });

  it('is made without a URL parser where nothing is to be encoded', () => {
    const plain = ALL.filter((character) => {
      if (REFUSED_IN_PATH.test(character) || character === '?') return false;
      const url = `http://localhost/x${character}y?x${character}y`;
      // Later versions of Node.js encode some more.
      return new URL(url).href === url && !/['^`{|}]/.test(character);
    });
    urlOf('/');
    const parser = globalThis.URL;
    globalThis.URL = undefined as never;
    try {
      for (const character of plain) expect(urlOf(`/x${character}y`, `x${character}y`)).to.be.a('string');
    } finally {
      globalThis.URL = parser;
    }
    expect(plain.length).to.be.above(70);
  });

  it('is the same in a request that is made of it, and the path of hooks means the same', async () => {
    const paths: string[] = [];
    const { inject } = bench((app) => {
      app.hook('onRequest', (ctx) => void paths.push(decoded(ctx.path)));
      app.mount('/a', (request) => Response.json([request.url, new Request(request).url]));
    });
    const { json } = await inject({ url: '/a/<b>/{c}/`ü"?x=<"\'>' });
    const url = 'http://localhost/%3Cb%3E/%7Bc%7D/%60%C3%BC%22?x=%3C%22%27%3E';
    expect(json()).to.deep.equal([url, url]);
    expect(paths).to.deep.equal([`/a${decoded(new URL(url).pathname)}`]);
  });
});
