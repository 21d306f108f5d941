import { expect } from 'chai';
import { HeaderValues, STRANGER } from '#src/server/request-fields.js';
import { acceptedCodings } from '#src/server/response/negotiate.js';
import { bench } from './kit.js';

describe('negotiation', () => {
  it('finds the media type that the client prefers', async () => {
    const { inject } = bench((app) =>
      app.get('/', (ctx) => ctx.accepts('application/json', 'text/html') ?? 'none'),
    );
    for (const [accept, expected] of [
      [undefined, 'application/json'],
      ['*/*', 'application/json'],
      ['text/html', 'text/html'],
      ['text/*;q=0.5, application/json;q=0.4', 'text/html'],
      ['application/json;q=0, */*', 'text/html'],
      ['image/png', 'none'],
    ] as const) {
      const headers = accept === undefined ? {} : { accept };
      expect((await inject({ url: '/', headers })).text(), accept).to.equal(expected);
    }
  });

  it('finds codings only for clients that send Accept-Encoding, in our order where the client has none', () => {
    const codings = (...lines: string[]): readonly string[] =>
      acceptedCodings(
        new HeaderValues(
          lines.flatMap((line) => ['accept-encoding', line]),
          STRANGER,
        ),
        ['br', 'gzip'],
      );
    expect(codings()).to.deep.equal([]);
    expect(codings('gzip, deflate, br')).to.deep.equal(['br', 'gzip']);
    expect(codings('gzip', 'br;q=0.5')).to.deep.equal(['gzip', 'br']);
    expect(codings('gzip;q=0, identity')).to.deep.equal([]);
    expect(codings('identity;q=0.7, gzip;q=0.5, br')).to.deep.equal(['br']);
    expect(codings('zstd')).to.deep.equal([]);
    expect(codings('')).to.deep.equal([]);
    expect(codings('*')).to.deep.equal(['br', 'gzip']);
  });
});
