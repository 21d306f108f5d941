import { expect } from 'chai';
import { get, post, uniqueEmail } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { Wire, type WireResponse } from '#test/support/wire.js';
import { useSharedShop } from './shop.js';

const JSON_TYPE = 'Content-Type: application/json';

describe('a malformed or unacceptable request', () => {
  const shop = useSharedShop();
  let slow: { readonly wire: Wire; readonly response: Promise<WireResponse | undefined> };
  const users = (): string => `${shop.url}/api/users`;

  const onWire = async <T>(use: (wire: Wire) => Promise<T>): Promise<T> => {
    const wire = await Wire.open(shop.url);
    try {
      return await use(wire);
    } finally {
      wire.destroy();
    }
  };
  /** Sends bytes as they are and returns the first response. */
  const raw = (bytes: string): Promise<WireResponse | undefined> =>
    onWire((wire) => {
      wire.write(bytes);
      return wire.response();
    });
  const userCount = async (email: string): Promise<number> =>
    (await shop.sql.query('users', 'select 1 from users where email = $1', [email])).length;

  before(async () => {
    const wire = await Wire.open(shop.url);
    wire.write(
      `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\nContent-Length: 50\r\n\r\n{"name":`,
    );
    slow = { wire, response: wire.response() };
    slow.response.catch(() => undefined); // its own test reports the error
  });

  it('is 404 ROUTE_NOT_FOUND for an unknown path', async () => {
    await expectProblem(await get(`${shop.url}/nowhere`), 404, 'ROUTE_NOT_FOUND');
    await expectProblem(await get(`${shop.url}/api/users/`), 404, 'ROUTE_NOT_FOUND');
  });

  it('is 405 with Allow when the path does not serve the method', async () => {
    const response = await fetch(users(), { method: 'DELETE' });
    expect(response.headers.get('allow')).to.match(/\bPOST\b/);
    await expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
  });

  it('is 501 when the method is unknown', async () => {
    await expectProblem(await raw('BREW /api/users HTTP/1.1\r\nHost: test\r\n\r\n'), 501, 'METHOD_UNKNOWN');
  });

  const bodies: [string, string, number, string][] = [
    ['broken JSON', '{"name":', 400, 'MALFORMED_BODY'],
    ['JSON with a tail', '{} {}', 400, 'MALFORMED_BODY'],
    ['no body', '', 400, 'MALFORMED_BODY'],
    ['a __proto__ member', '{"name":"a","email":"a@b.c","__proto__":{"x":1}}', 400, 'MALFORMED_BODY'],
    [
      'a constructor.prototype member',
      '{"name":"a","email":"a@b.c","constructor":{"prototype":{"x":1}}}',
      400,
      'MALFORMED_BODY',
    ],
    ['JSON 65 deep', `${'['.repeat(65)}${']'.repeat(65)}`, 400, 'MALFORMED_BODY'],
    ['JSON 100,000 deep', '['.repeat(100_000), 400, 'MALFORMED_BODY'],
    ['an array instead of an object', '[]', 422, 'VALIDATION_FAILED'],
    ['null', 'null', 422, 'VALIDATION_FAILED'],
  ];
  for (const [what, body, status, code] of bodies) {
    it(`is ${status} ${code} for ${what}`, async () => {
      await expectProblem(await post(users(), body), status, code);
    });
  }

  it('is 400 for a body that is not UTF-8', async () => {
    const body = Buffer.from('{"name":"\xff\xfe","email":"a@example.com"}', 'latin1');
    const headers = { 'content-type': 'application/json' };
    await expectProblem(await fetch(users(), { method: 'POST', headers, body }), 400, 'MALFORMED_BODY');
  });

  it('is 415 for a body of another type', async () => {
    const response = await post(users(), '<user/>', { 'content-type': 'application/xml' });
    await expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('is 413 for an announced body over 1 MiB, before it is sent', async () => {
    const head = `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\nContent-Length: 1048577\r\n\r\n`;
    const problem = await expectProblem(await raw(head), 413, 'BODY_TOO_LARGE');
    expect(problem.status).to.equal(413);
  });

  it('is 413 for a chunked body over 1 MiB', async () => {
    await onWire(async (wire) => {
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
      wire.write(
        `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      wire.write(chunk.repeat(17));
      await expectProblem(await wire.response(), 413, 'BODY_TOO_LARGE');
    });
  });

  it('is accepted with a body of exactly 1 MiB', async () => {
    const padding = ' '.repeat(1_048_576 - 2);
    await expectProblem(await post(users(), `{${padding}}`), 422, 'VALIDATION_FAILED');
  });

  it('is 414 for a URL over 8 KiB', async () => {
    await expectProblem(
      await raw(`GET /${'u'.repeat(8193)} HTTP/1.1\r\nHost: test\r\n\r\n`),
      414,
      'URL_TOO_LONG',
    );
  });

  it('is 431 for header fields over 16 KiB', async () => {
    const fields = Array.from({ length: 17 }, (_, n) => `X-Field-${n}: ${'v'.repeat(1000)}\r\n`).join('');
    const response = await raw(`GET /health HTTP/1.1\r\nHost: test\r\n${fields}\r\n`);
    expect(response?.status).to.equal(431);
  });

  it('is accepted with header fields of 15 KiB', async () => {
    const fields = Array.from({ length: 15 }, (_, n) => `X-Field-${n}: ${'v'.repeat(1000)}\r\n`).join('');
    expect((await raw(`GET /health HTTP/1.1\r\nHost: test\r\n${fields}\r\n`))?.status).to.equal(200);
  });

  it('is 400 without a Host field, by the parser of the core', async () => {
    await onWire(async (wire) => {
      wire.write('GET /health HTTP/1.1\r\n\r\n');
      expect((await wire.response())?.status).to.equal(400);
      await wire.closed();
    });
  });

  describe('whose framing cannot be trusted', () => {
    const smuggled = (email: string): string => {
      const body = JSON.stringify({ name: 'Mallory', email });
      return `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    const framings: [string, string][] = [
      ['two lengths', 'Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello'],
      ['an empty length', 'Content-Length:\r\n\r\n'],
      ['a signed length', 'Content-Length: +5\r\n\r\nhello'],
      ['length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
      ['an unknown coding', 'Transfer-Encoding: cow\r\n\r\n0\r\n\r\n'],
      ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'],
    ];
    for (const [what, rest] of framings) {
      it(`(${what}) is refused and its connection closed, and a request after it is not executed`, async () => {
        const email = uniqueEmail();
        await onWire(async (wire) => {
          const head = `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\n`;
          wire.write(head + rest + smuggled(email));
          const response = await wire.response();
          expect(response?.status ?? 400, 'status').to.be.within(400, 505);
          await wire.closed();
          expect(wire.rest, 'a second response').to.not.contain('HTTP/1.1');
        });
        expect(await userCount(email)).to.equal(0);
      });
    }

    it('because it has two lengths is 400 MALFORMED_REQUEST', async () => {
      const request = `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}`;
      await expectProblem(await raw(request), 400, 'MALFORMED_REQUEST');
    });
  });

  it('may have a chunked body: it is executed, and the connection closed after the response', async () => {
    const email = uniqueEmail();
    const body = JSON.stringify({ name: 'Chunked', email });
    await onWire(async (wire) => {
      wire.write(
        `POST /api/users HTTP/1.1\r\nHost: test\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      wire.write(
        `5\r\n${body.slice(0, 5)}\r\n${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`,
      );
      expect((await wire.response())?.status).to.equal(201);
      await wire.closed();
    });
    expect(await userCount(email)).to.equal(1);
  });

  it('still gets its response on the same connection after a refusal that left it intact', async () => {
    await onWire(async (wire) => {
      await expectProblem(
        await wire.request('POST', '/api/users', [JSON_TYPE], '{"name":'),
        400,
        'MALFORMED_BODY',
      );
      expect((await wire.request('GET', '/health'))?.status).to.equal(200);
    });
  });

  it('keeps a good x-request-id, replaces a bad one, and continues the trace', async () => {
    const kept = await get(`${shop.url}/nowhere`, { 'x-request-id': 'my.Request_id-1' });
    expect(kept.headers.get('x-request-id')).to.equal('my.Request_id-1');
    const made = await get(`${shop.url}/health`, { 'x-request-id': 'bad id!' });
    expect(made.headers.get('x-request-id')).to.match(/^[A-Za-z0-9._-]{1,64}$/);
    const other = await get(`${shop.url}/health`);
    expect(other.headers.get('x-request-id')).to.not.equal(made.headers.get('x-request-id'));
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traced = await get(`${shop.url}/nowhere`, { traceparent: `00-${traceId}-00f067aa0ba902b7-00` });
    expect((await expectProblem(traced, 404, 'ROUTE_NOT_FOUND')).traceId).to.equal(traceId);
  });

  it('is 408 when its body does not come, and the connection is closed', async function () {
    this.timeout(20_000);
    await expectProblem(await slow.response, 408, 'BODY_TIMEOUT');
    await slow.wire.closed();
  });
});
