import { expect } from 'chai';
import { preferredCoding } from '#src/server/negotiate.js';
import { HeaderValues } from '#src/server/values.js';
import { bench } from './kit.js';

describe('negotiation', () => {
  it('finds the media type that the client would rather have', async () => {
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

  it('finds a coding only for who asks for one', () => {
    const coding = (...lines: string[]): string | undefined =>
      preferredCoding(
        new HeaderValues(
          lines.flatMap((line) => ['accept-encoding', line]),
          { isTrustedProxy: false },
        ),
        ['br', 'gzip'],
      );
    expect(coding()).to.equal(undefined);
    expect(coding('gzip, deflate, br')).to.equal('br');
    expect(coding('gzip', 'br;q=0.5')).to.equal('gzip');
    expect(coding('gzip;q=0, identity')).to.equal(undefined);
    expect(coding('identity;q=1, gzip;q=0.5')).to.equal(undefined);
    expect(coding('zstd')).to.equal(undefined);
    expect(coding('')).to.equal(undefined);
    expect(coding('*')).to.equal('br');
  });
});
