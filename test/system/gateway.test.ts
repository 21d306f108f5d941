// Requests through the gateway of a real process, to a service of the process itself and to instances that
// were registered from outside.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { meshTokens } from '#src/mesh-token.js';
import { get, post } from '#test/support/client.js';
import { cutting, TestInstance } from '#test/support/instance.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { RELAYED } from './fixtures/paths.js';

const SECRET = 'mesh-secret-of-at-least-32-characters';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe('the gateway', () => {
  const cluster = useCluster({ config: RELAYED, env: { MESH_TOKEN: SECRET } });
  let things: TestInstance;
  let seen: Seen[] = [];

  before(async () => {
    things = await TestInstance.start(cluster.adminUrl, 'things', 'a');
  });
  after(() => things.stop());
  beforeEach(() => {
    seen = [];
    things.behave = (request, response) => {
      let body = '';
      request
        .on('data', (chunk: Buffer) => {
          body += chunk.toString();
        })
        .on('end', () => {
          const { method = '', url = '', headers } = request;
          seen.push({ method, url, headers, body });
          response.end('thing');
        });
    };
  });

  const at = (path: string): string => `${cluster.url}/svc${path}`;
  const host = (): string => new URL(cluster.url).host;

  describe('to an instance elsewhere', () => {
    it('passes on method, path, query and body, without its prefix', async () => {
      const url = at('/things/a%2Fb//c?x=1&y=%C3%A9');
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const hasBody = method !== 'GET' && method !== 'OPTIONS';
        const response = await fetch(url, { method, ...(hasBody && { body: `body of ${method}` }) });
        expect(`${response.status} ${await response.text()}`).to.equal('200 thing');
        const last = seen.at(-1)!;
        expect(last).to.include({ method, url: '/a%2Fb//c?x=1&y=%C3%A9' });
        expect(last.body).to.equal(hasBody ? `body of ${method}` : '');
      }
    });

    it('tells it of its client, and drops what the client has made up', async () => {
      await get(at('/things/'), {
        ...{ forwarded: 'for=1.1.1.1', 'x-forwarded-for': '2.2.2.2', x_forwarded_for: '3.3.3.3' },
        ...{ 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/x', 'x-real-ip': '4.4.4.4' },
        ...{ 'x-mesh-token': meshTokens(SECRET)('things'), 'x-request-deadline': '1' },
        ...{ 'x-multilane-final': '1', 'x-multilane-load': '0', 'x-kept': 'kept', cookie: 'a=1; b=2' },
        'x-request-id': 'mine',
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        tracestate: 'vendor=1',
      });
      const { headers } = seen[0]!;
      expect(headers).to.include({
        ...{ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': host() },
        ...{ 'x-forwarded-prefix': '/svc/things', 'x-kept': 'kept', cookie: 'a=1; b=2', host: host() },
        ...{ 'x-request-id': 'mine', tracestate: 'vendor=1' },
        forwarded: `for=127.0.0.1;host="${host()}";proto=http`,
      });
      expect(headers.traceparent).to.match(new RegExp(`^00-${'a'.repeat(32)}-[0-9a-f]{16}-`));
      expect(Number(headers['x-request-deadline'])).to.be.above(1000);
      expect(headers).not.to.have.any.keys(
        ...['x-mesh-token', 'x-multilane-final', 'x-multilane-load', 'x-real-ip', 'x_forwarded_for'],
      );
    });

    it('removes fields of the connection, and those that Connection names, both ways', async () => {
      things.behave = (request, response) => {
        seen.push({ method: '', url: '', headers: request.headers, body: '' });
        const added = {
          ...{ connection: 'keep-alive, X-Hop', 'keep-alive': 'timeout=9', 'x-hop': '1', upgrade: 'h2c' },
          ...{ 'x-multilane-executed': 'false', 'x-multilane-final': '1', 'x-request-id': 'theirs' },
          ...{ 'set-cookie': ['a=1', 'b=2'], link: ['<1>', '<2>'], 'content-length': 2 },
        };
        for (const [name, value] of Object.entries(added)) response.setHeader(name, value);
        response.end('ok');
      };
      const wire = await Wire.open(cluster.url);
      const fields = [
        'Connection: X-Private, keep-alive',
        'X-Private: 1',
        'TE: trailers',
        'Expect: 100-continue',
      ];
      let response = (await wire.request('GET', '/svc/things/', [...fields, 'X-Public: 2']))!;
      // The core itself answers the field Expect.
      while (response.status === 100) response = (await wire.response())!;
      wire.destroy();
      expect(seen[0]!.headers).to.include({ 'x-public': '2' });
      expect(seen[0]!.headers).not.to.have.any.keys('x-private', 'te', 'expect', 'keep-alive', 'upgrade');
      expect(response.headers).to.include({
        'set-cookie': 'a=1, b=2',
        link: '<1>, <2>',
        'content-length': '2',
      });
      expect(response.headers['x-request-id']).not.to.equal('theirs');
      expect(response.headers).not.to.have.any.keys(
        ...['x-hop', 'keep-alive', 'upgrade', 'connection', 'x-multilane-executed', 'x-multilane-final'],
      );
    });

    it('passes on status, length and the lack of a body for HEAD, 204 and 304', async () => {
      const wire = await Wire.open(cluster.url);
      for (const [method, status, length] of [
        ['HEAD', 200, '5'],
        ['GET', 204, undefined],
        ['GET', 304, undefined],
        ['GET', 404, '5'],
      ] as const) {
        things.behave = (_request, response) => {
          response.writeHead(status, status === 204 ? {} : { 'content-length': 5 });
          response.end(status === 404 ? 'which' : undefined);
        };
        const response = (await wire.request(method, '/svc/things/'))!;
        expect(response.status).to.equal(status);
        expect(response.headers['content-length'], `${method} ${status}`).to.equal(length);
        expect(response.body.length).to.equal(status === 404 ? 5 : 0);
      }
      wire.destroy();
    });

    it('passes on bytes of fields that are no ASCII', async () => {
      things.behave = (request, response) => {
        response.setHeader('x-back', request.headers['x-there']!);
        response.end();
      };
      const wire = await Wire.open(cluster.url);
      wire.write(Buffer.from('GET /svc/things/ HTTP/1.1\r\nHost: a\r\nX-There: caf\u00e9s\r\n\r\n', 'utf8'));
      const response = (await wire.response())!;
      wire.destroy();
      expect(Buffer.from(response.headers['x-back']!, 'latin1').toString()).to.equal('caf\u00e9s');
    });

    it('passes on an event stream before its first event, and each event at once', async () => {
      let send: (text: string) => void = () => undefined;
      things.behave = (_request, response) => {
        response.setHeader('content-type', 'text/event-stream');
        response.flushHeaders();
        send = (text) => void response.write(text);
      };
      const leaving = new AbortController();
      const response = await fetch(at('/things/'), { signal: leaving.signal });
      expect(response.headers.get('content-type')).to.equal('text/event-stream');
      const reader = response.body!.getReader();
      const next = async (): Promise<string> => Buffer.from((await reader.read()).value!).toString();
      expect(await next()).to.equal(':\n\n');
      for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
        send(event);
        expect(await next()).to.equal(event);
      }
      leaving.abort();
    });

    it('responds before the request has ended', async () => {
      things.behave = (request, response) => {
        response.write('early ');
        request.resume().on('end', () => response.end('late'));
      };
      const wire = await Wire.open(cluster.url);
      wire.write('POST /svc/things/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n1');
      await until(
        () => wire.rest,
        (rest) => rest.includes('early'),
      );
      wire.write('1'.repeat(99_999));
      expect((await wire.response())!.body.toString()).to.equal('early late');
      wire.destroy();
    });

    it('cancels the request when its client leaves', async () => {
      const { abandoned } = things;
      things.behave = (_request, response) => response.write('begun');
      const wire = await Wire.open(cluster.url);
      wire.write('GET /svc/things/ HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(
        () => wire.rest,
        (rest) => rest.includes('begun'),
      );
      wire.destroy();
      expect(
        await until(
          () => things.abandoned,
          (count) => count > abandoned,
        ),
      ).to.equal(abandoned + 1);
    });

    it('never ends a response that the instance has cut off', async () => {
      for (const fields of [{}, { 'content-length': 100 }]) {
        things.behave = (request, response) => {
          response.writeHead(200, fields);
          response.write('part');
          setTimeout(() => request.socket.destroy(), 50);
        };
        const wire = await Wire.open(cluster.url);
        expect(await wire.request('GET', '/svc/things/')).to.equal(undefined);
        expect(wire.rest)
          .to.include('part')
          .and.not.match(/0\r\n\r\n$/);
      }
    });

    it('repeats what may be repeated, and only that', async () => {
      let calls = 0;
      things.behave = (request, response) => {
        if (++calls === 1) cutting(request, response);
        else request.resume().on('end', () => response.end('second'));
      };
      expect(await (await get(at('/things/'))).text()).to.equal('second');
      calls = 0;
      const put = await fetch(at('/things/'), { method: 'PUT', body: 'short' });
      expect(await put.text()).to.equal('second');
      calls = 0;
      await expectProblem(await post(at('/things/'), 'short'), 502, 'BAD_UPSTREAM');
      expect(calls).to.equal(1);
      calls = 0;
      const keyed = await post(at('/things/'), 'short', { 'idempotency-key': 'k' });
      expect(await keyed.text()).to.equal('second');
    });

    it('marks a failure that it has repeated itself as final', async () => {
      things.behave = cutting;
      const response = await get(at('/things/'));
      expect(response.headers.get('x-multilane-final')).to.equal('1');
      await expectProblem(response, 502, 'BAD_UPSTREAM');
    });

    it('refuses paths that could lead out of the service, and bodies above the limit', async () => {
      const wire = await Wire.open(cluster.url);
      for (const path of ['/svc/things/../x', '/svc/things/%2e%2e/x', '/svc/things//other/x'])
        await expectProblem(await wire.request('GET', path), 400, 'MALFORMED_REQUEST');
      await expectProblem(
        await wire.request('POST', '/svc/things/', [], 'x'.repeat(1_000_001)),
        413,
        'BODY_TOO_LARGE',
      );
      wire.destroy();
      expect(seen).to.deep.equal([]);
    });

    it('ends a request that goes in a circle', async () => {
      const callAgain = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const back = await fetch(at(`/things${request.url}`), {
          headers: { 'cdn-loop': request.headers['cdn-loop'] as string },
        });
        response.writeHead(back.status).end(await back.text());
      };
      things.behave = (request, response) => void callAgain(request, response);
      const { received } = things;
      const response = await post(at('/things/round'), '');
      expect(response.status).to.equal(502);
      expect(await response.text()).to.include('circle');
      expect(things.received - received).to.equal(4);
    });
  });

  it('counts requests by one template, and calls by their service', async () => {
    await get(at('/things/with/many/parts'));
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    const server = /^http_server_request_duration_seconds_count\{[^}]*http_route="\/svc\/([^"]*)"/gm;
    const routes = new Set([...metrics.matchAll(server)].map(([, route]) => route));
    expect([...routes]).to.deep.equal(['{service}/*']);
    expect(metrics).to.match(/^http_client_request_duration_seconds_count\{[^}]*server_address="things"/m);
  });
});

describe('the gateway behind a proxy', () => {
  const cluster = useCluster({ config: RELAYED, env: { TRUSTED_PROXIES: '127.0.0.0/8', WORKERS: '1' } });
  let things: TestInstance;
  let headers: IncomingHttpHeaders = {};
  before(async () => {
    things = await TestInstance.start(cluster.adminUrl, 'things', 'a');
    things.behave = (request, response) => {
      ({ headers } = request);
      response.end();
    };
  });
  after(() => things.stop());

  it('passes on what TRUSTED_PROXIES report, and nothing that they have not written', async () => {
    await get(`${cluster.url}/svc/things/`, {
      'x-forwarded-for': '6.6.6.6, 192.0.2.7, 127.0.0.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'shop.example',
      forwarded: 'for=6.6.6.6',
    });
    expect(headers).to.include({
      'x-forwarded-for': '192.0.2.7, 127.0.0.9, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'shop.example',
      forwarded: 'for=192.0.2.7;host="shop.example";proto=https, for=127.0.0.9, for=127.0.0.1',
    });
  });
});
