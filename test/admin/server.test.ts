import { expect } from 'chai';
import type { AdminRoute } from '#src/admin/admin-route.js';
import { BusinessError, HttpError } from '#src/errors.js';
import { get, put } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { Wire } from '#test/support/wire.js';
import { closePlanes, plane } from './admin-fixture.js';

const echo: AdminRoute = {
  method: 'PUT',
  path: '/things/:name',
  query: ['q'],
  handler: ({ params, query, body, grants }) => ({
    status: 200,
    json: { name: params.name, q: query.get('q'), body: body ?? null, grants },
  }),
};
const hello: AdminRoute = { method: 'GET', path: '/hello', handler: () => ({ status: 200, json: { a: 1 } }) };
const failing = (error: unknown): AdminRoute => ({
  method: 'GET',
  path: '/fail',
  handler: () => {
    throw error;
  },
});

describe('the server of the admin plane', () => {
  afterEach(closePlanes);

  it('answers JSON with decoded parameters, query and body', async () => {
    const { url } = await plane([echo]);
    const answer = await put(`${url}/things/a%2Fb%20c?q=x%26y`, { n: 1 });
    expect(answer.headers.get('content-type')).to.equal('application/json; charset=utf-8');
    expect(await answer.json()).to.deep.equal({ name: 'a/b c', q: 'x&y', body: { n: 1 }, grants: 'all' });
  });

  it('refuses query parameters that a route does not have, and names those that it has', async () => {
    const [open, any] = [
      { ...hello, path: '/open', access: 'open' } as const,
      { ...hello, path: '/any', query: 'any' } as const,
    ];
    const { url } = await plane([echo, hello, open, any]);
    const refused = async (response: Response) =>
      (await expectProblem(response, 422, 'VALIDATION_FAILED')).errors;
    expect(await refused(await put(`${url}/things/x?q=1&a~/b=2`, {}))).to.deep.equal([
      { path: '/a~0~1b', message: 'is no query parameter here: the path has q' },
    ]);
    expect(await refused(await get(`${url}/hello?__proto__`))).to.deep.equal([
      { path: '/__proto__', message: 'is no query parameter here: the path has none' },
    ]);
    for (const path of ['/hello', '/hello?', '/open?verbose', '/any?from=newer'])
      expect((await get(url + path)).status, path).to.equal(200);
  });

  it('accepts JSON with any content type, as curl -d sends it', async () => {
    const { url } = await plane([echo]);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(`${url}/things/x`, { method: 'PUT', body: '{"n":2}', headers });
    expect(((await answer.json()) as { body: unknown }).body).to.deep.equal({ n: 2 });
  });

  it('answers HEAD like GET, without the body', async () => {
    const { url } = await plane([hello]);
    const answer = await fetch(`${url}/hello`, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).to.deep.equal([
      200,
      '7',
      '',
    ]);
  });

  it('puts the protective fields and a request id on every response, errors too', async () => {
    const { url } = await plane([hello, failing(new Error('x'))]);
    for (const path of ['/hello', '/fail', '/nowhere']) {
      const { headers } = await get(url + path);
      expect(headers.get('content-security-policy'), path).to.equal(
        "default-src 'self'; frame-ancestors 'none'",
      );
      expect(headers.get('x-content-type-options'), path).to.equal('nosniff');
      expect(headers.get('x-request-id'), path).to.match(/^[\w-]{36}$/);
    }
    expect((await get(`${url}/hello`, { 'x-request-id': 'my.id-1' })).headers.get('x-request-id')).to.equal(
      'my.id-1',
    );
    const bad = (await get(`${url}/hello`, { 'x-request-id': 'a b' })).headers.get('x-request-id');
    expect(bad).to.not.equal('a b');
  });

  it('answers an unknown path with 404, and a wrong method with 405 and Allow', async () => {
    const { url } = await plane([hello, { ...hello, method: 'POST' }]);
    await expectProblem(await get(`${url}/nowhere`), 404, 'ROUTE_NOT_FOUND');
    await expectProblem(await get(`${url}/hello/`), 404, 'ROUTE_NOT_FOUND');
    const wrong = await fetch(`${url}/hello`, { method: 'DELETE' });
    expect(wrong.headers.get('allow')).to.equal('GET, HEAD, POST');
    await expectProblem(wrong, 405, 'METHOD_NOT_ALLOWED');
  });

  it('writes an HttpError as its problem, with members, errors and headers', async () => {
    const error = new HttpError('RATE_LIMITED', 'slow down', {
      headers: { 'retry-after': '7' },
      members: { sagaId: 's', status: 1 },
      errors: [{ path: '/a', message: 'no' }],
    });
    const { url } = await plane([failing(error)]);
    const trace = 'a'.repeat(32);
    const answer = await get(`${url}/fail`, { traceparent: `00-${trace}-${'b'.repeat(16)}-01` });
    expect(answer.headers.get('retry-after')).to.equal('7');
    const problem = await expectProblem(answer, 429, 'RATE_LIMITED');
    expect(problem).to.include({ sagaId: 's', traceId: trace, detail: 'slow down' });
    expect(problem.errors).to.deep.equal([{ path: '/a', message: 'no' }]);
  });

  it('puts Retry-After on every 503, and sends codes that are not in the table', async () => {
    const { url } = await plane([failing(new HttpError('STARTING', 'soon'))]);
    await expectProblem(await get(`${url}/fail`), 503, 'STARTING');
    const own = await plane([failing(new BusinessError('TOO_RED', 'no', { status: 409 }))]);
    await expectProblem(await get(`${own.url}/fail`), 409, 'TOO_RED');
  });

  it('reveals nothing of an unexpected failure, and logs it', async () => {
    const { url, logged } = await plane([failing(new Error('secret at /etc/shadow'))]);
    const problem = await expectProblem(await get(`${url}/fail`), 500, 'INTERNAL');
    expect(JSON.stringify(problem)).to.not.contain('secret');
    expect(logged.map(({ msg }) => msg)).to.deep.equal(['admin request failed']);
  });

  it('refuses bodies that are not JSON in UTF-8, and hostile JSON', async () => {
    const { url } = await plane([echo]);
    for (const body of [
      '{',
      Buffer.from('"\xff"', 'latin1'),
      '{"__proto__":{}}',
      '{"constructor":{"prototype":{}}}',
      '['.repeat(65) + ']'.repeat(65),
    ]) {
      const answer = await fetch(`${url}/things/x`, { method: 'PUT', body });
      await expectProblem(answer, 400, 'MALFORMED_BODY');
    }
    expect((await put(`${url}/things/x`, { constructor: 'Smith' })).status).to.equal(200);
    const zipped = await fetch(`${url}/things/x`, {
      method: 'PUT',
      body: 'x',
      headers: { 'content-encoding': 'gzip' },
    });
    await expectProblem(zipped, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('accepts a body of 64 KiB and refuses one byte more, announced or not', async () => {
    const { url } = await plane([echo]);
    const fits = `"${'x'.repeat(64 * 1024 - 2)}"`;
    const send = (body: string) => fetch(`${url}/things/x`, { method: 'PUT', body });
    expect((await send(fits)).status).to.equal(200);
    await expectProblem(await send(`${fits} `), 413, 'BODY_TOO_LARGE');
    const wire = await Wire.open(url);
    wire.write('PUT /things/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n');
    await expectProblem(await wire.response(), 413, 'BODY_TOO_LARGE');
    await wire.closed();
  });

  it('answers requests that are not HTTP, too large or ambiguous with a problem, and closes', async () => {
    const { url } = await plane([hello]);
    for (const [bytes, status, code] of [
      ['NONSENSE\r\n\r\n', 400, 'MALFORMED_REQUEST'],
      [
        `GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
        431,
        'HEADERS_TOO_LARGE',
      ],
      ['GET /hello HTTP/1.1\r\n\r\n', 400, 'MALFORMED_REQUEST'],
      ['GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n', 400, 'MALFORMED_REQUEST'],
      ['GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'MALFORMED_REQUEST'],
      ['GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    ] as const) {
      const wire = await Wire.open(url);
      wire.write(bytes);
      await expectProblem(await wire.response(), status, code);
      wire.destroy();
    }
  });

  it('disconnects a client that sends its header or body byte by byte', async () => {
    const { url } = await plane([echo], { limits: { headersMs: 100, requestMs: 200 } });
    for (const bytes of [
      'GET /hel',
      'PUT /things/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n12',
    ]) {
      const wire = await Wire.open(url);
      wire.write(bytes);
      await expectProblem(await wire.response(), 408, 'BODY_TIMEOUT');
      await wire.closed();
    }
  });

  it('refuses routes that contradict each other, at start', async () => {
    for (const routes of [
      [hello, hello],
      [{ ...hello, path: 'hello' }],
      [{ ...hello, path: '/a//b' }],
      [{ ...hello, path: '/:a/:a' }],
      [
        { ...hello, path: '/a/:x' },
        { ...hello, method: 'POST' as const, path: '/a/:y' },
      ],
    ]) {
      const error = await plane(routes).catch((reason: unknown) => reason);
      expect(error, JSON.stringify(routes)).to.be.instanceOf(Error);
      expect((error as Error).message).to.match(/^admin route (GET|POST) /);
    }
  });

  it('prefers a literal to a parameter, whatever the order', async () => {
    const one: AdminRoute = { ...hello, path: '/workers/:id', handler: () => ({ status: 200, text: 'id' }) };
    const reload: AdminRoute = { ...hello, path: '/workers/reload', handler: () => ({ status: 202 }) };
    const { url } = await plane([one, reload]);
    expect((await get(`${url}/workers/reload`)).status).to.equal(202);
    expect(await (await get(`${url}/workers/7`)).text()).to.equal('id');
  });

  it('reads no more segments of a path than the longest route has', async () => {
    const { url } = await plane([hello]);
    await expectProblem(await get(`${url}/${'/'.repeat(8_000)}`), 404, 'ROUTE_NOT_FOUND');
    await expectProblem(await get(`${url}/hello/a/${'%zz/'.repeat(2_000)}`), 404, 'ROUTE_NOT_FOUND');
  });

  it('has no member of Object in the parameters', async () => {
    let seen: object = {};
    const route: AdminRoute = {
      ...hello,
      path: '/p/:name',
      handler: ({ params }) => {
        seen = params;
        return { status: 204 };
      },
    };
    const { url } = await plane([route]);
    const answer = await get(`${url}/p/__proto__`);
    expect([answer.status, await answer.text()]).to.deep.equal([204, '']);
    expect(Object.getPrototypeOf(seen)).to.equal(null);
  });
});
