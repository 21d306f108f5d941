// Requests through a gateway to an application of `node:http` that a service of its own thread has mounted.
import { once } from 'node:events';
import { type IncomingMessage, request as requestBy, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import fastify from 'fastify';
import { HttpError, UnavailableError } from '#src/errors.js';
import type { NodeApplication, NodeHandler, NodeOptions } from '#src/server/handler.js';
import { injectStream } from '#src/server/inject.js';
import { CORES } from '#test/server/cores.js';
import { latch, ManualTicker } from '#test/server/kit.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { RealUpstreams } from '#test/upstream/real-upstreams.js';
import { type GatewayBench, type GatewayBenchOptions, startGateway } from './kit.js';

const CORE = CORES.find(({ name }) => name === 'node')!;
const LOCAL = endpoint('own', { service: 'demo', slot: 2, local: true });
const PERMITS = 100;
const LARGE = 'x'.repeat(3_000_000);
const MOST = 4_000_000;
/** The package has no types of its own. */
const express = createRequire(import.meta.url)('express') as () => NodeHandler & {
  use(...handlers: unknown[]): NodeHandler;
};

/** What the application has got. */
interface Seen {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly headersDistinct: Readonly<Record<string, readonly string[]>>;
  readonly rawHeaders: readonly string[];
  readonly address: string;
}

const chunked = (body: string): string =>
  `Transfer-Encoding: chunked\r\n\r\n${body && `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`;
const echo: NodeHandler = (request, response) => {
  response.setHeader('x-method', request.method!);
  request.pipe(response);
};

describe('a mounted application of node:http behind the gateway of its process', () => {
  const upstreams = new RealUpstreams();
  let gateway: GatewayBench;
  let wire: Wire;

  interface Mounted extends Omit<Partial<GatewayBenchOptions>, 'core'> {
    readonly mount?: NodeOptions;
  }
  const start = async (
    application: NodeApplication,
    { mount = {}, ...options }: Mounted = {},
  ): Promise<void> => {
    // A function with fewer parameters is refused as one that makes an application.
    const made: NodeApplication =
      typeof application === 'function' && application.length < 2
        ? (request, response) => application(request, response)
        : application;
    const routes: GatewayBenchOptions['routes'] = (app) =>
      app.mountNode('/bare', { bodyLimit: MOST, ...mount }, made);
    gateway = await startGateway({ core: CORE, endpoints: [LOCAL], routes, ...options });
    gateway.world.permits = PERMITS;
    wire = await Wire.open(gateway.url);
  };
  const at = (path = ''): string => `${gateway.url}/svc/demo/bare${path}`;
  const post = (body: string): RequestInit => ({ method: 'POST', body });
  const send = (head: string, rest = '\r\n'): void => wire.write(`${head} HTTP/1.1\r\nHost: x\r\n${rest}`);
  const ends = async (...statuses: number[]): Promise<void> => {
    await gateway.observer.ended(statuses.length);
    expect(gateway.observer.seen.map(({ status }) => status)).to.have.members(statuses);
  };

  afterEach('everything is released', async () => {
    const { quotas, world, app } = gateway;
    const held = (): object => ({
      permits: world.permits,
      calls: gateway.inFlight(LOCAL),
      requests: app.inFlight,
      bodies: quotas.bodies.held,
      bytes: quotas.bodyBytes.held,
      streams: quotas.streams.held,
    });
    wire.destroy();
    const nothing = { permits: PERMITS, calls: 0, requests: 0, bodies: 0, bytes: 0, streams: 0 };
    await until(held, (now) => JSON.stringify(now) === JSON.stringify(nothing));
    await gateway.close();
    await upstreams.close();
  });

  const applications: Readonly<Record<string, () => NodeApplication>> = {
    'a function': () => echo,
    Express: () => express().use(echo),
    Fastify: () => {
      const app = fastify();
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      app.removeContentTypeParser('text/plain');
      app.route({
        method: ['GET', 'HEAD', 'POST'],
        url: '/*',
        handler: ({ method, body }, reply) => reply.header('x-method', method).send(body ?? ''),
      });
      return app;
    },
  };
  for (const [kind, make] of Object.entries(applications))
    describe(`of ${kind}`, () => {
      it('gets bodies of any length, and responds in order on a connection that stays', async () => {
        await start(make());
        const [first, head] = await Promise.all([
          wire.request('GET', '/svc/demo/bare/a'),
          wire.request('HEAD', '/svc/demo/bare/b'),
        ]);
        expect([first!.status, first!.headers['x-method'], String(first!.body)]).to.eql([200, 'GET', '']);
        expect([head!.status, head!.headers['x-method']]).to.eql([200, 'HEAD']);
        for (const body of ['', 'short', LARGE]) {
          const whole = await fetch(at('/c'), post(body));
          expect([whole.status, (await whole.text()) === body]).to.eql([200, true]);
          const client = await Wire.open(gateway.url);
          client.write(`POST /svc/demo/bare/c HTTP/1.1\r\nHost: x\r\n${chunked(body)}`);
          const pieces = await client.response();
          expect([pieces!.status, String(pieces!.body) === body]).to.eql([200, true]);
          client.destroy();
        }
        await ends(...new Array<number>(16).fill(200));
      });

      it('passes pieces both ways as they arrive', async () => {
        await start(make());
        const client = requestBy(at(), { method: 'POST' });
        client.write('first');
        const [response] = (await once(client, 'response')) as [IncomingMessage];
        const pieces = response[Symbol.asyncIterator]();
        expect(String((await pieces.next()).value)).to.equal('first');
        client.end('second');
        expect(String((await pieces.next()).value)).to.equal('second');
        expect((await pieces.next()).done).to.equal(true);
        await ends(200, 200);
      });
    });

  it('gets the head as a native route does: the client is a stranger, and its path has no prefix', async () => {
    await start((request, response) => {
      const { headers, headersDistinct, rawHeaders, url } = request;
      const { originalUrl, baseUrl } = request as IncomingMessage & { originalUrl: string; baseUrl: string };
      const address = request.socket.remoteAddress;
      response
        .setHeader('set-cookie', ['a=1', 'b=2'])
        .end(JSON.stringify({ headers, headersDistinct, rawHeaders, url, originalUrl, baseUrl, address }));
    });
    const trace = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    const { status, headers, body } = (await wire.request('GET', '/svc/demo/bare/a%20b?c=d', [
      ...['X-Mesh-Token: t', 'x-request-deadline: 1', 'X-Multilane-Final: 1', 'X-Request-Id: mine'],
      ...[`traceparent: ${trace}`, 'Set-Cookie: a', 'set-cookie: b', 'X-Twice: 1', 'x-twice: ü'],
    ]))!;
    const seen = JSON.parse(String(body)) as Seen;
    const umlaut = Buffer.from('ü').toString('latin1');
    expect(seen).to.include({ url: '/a%20b?c=d', originalUrl: '/bare/a%20b?c=d', baseUrl: '/bare' });
    expect(seen.address).to.equal('127.0.0.1');
    const { traceparent, ...rest } = seen.headers;
    expect(traceparent).to.match(/^00-c{32}-(?!d{16})/);
    const own = { host: 'test', 'x-request-id': 'mine', 'set-cookie': ['a', 'b'] };
    expect(rest).to.eql({ ...own, 'x-twice': `1, ${umlaut}` });
    expect(seen.headersDistinct).to.include.keys('x-twice', 'set-cookie', 'host');
    expect(seen.headersDistinct['x-twice']).to.eql(['1', umlaut]);
    const names = seen.rawHeaders.filter((_, i) => i % 2 === 0);
    const twice = ['set-cookie', 'set-cookie', 'x-twice', 'x-twice'];
    expect(names).to.have.members(['host', 'x-request-id', 'traceparent', ...twice]);
    expect([status, headers['x-request-id'], headers['set-cookie']]).to.eql([200, 'mine', 'a=1, b=2']);
  });

  it('counts in its own limits, and in those of the gateway, which announces the rest of its own', async () => {
    await start((_request, response) => response.end(), {
      mount: { rateLimit: { limit: '3/minute' } },
      policy: { rateLimit: '9/minute' },
    });
    const direct = `${gateway.url}/bare`;
    const left = async (url: string): Promise<(string | number)[]> => {
      const { status, headers } = await fetch(url);
      return [status, ...[...headers.get('ratelimit')!.matchAll(/r=\d+/g)].flat().sort()];
    };
    expect(await left(direct)).to.eql([200, 'r=2']);
    expect(await left(at())).to.eql([200, 'r=1', 'r=8']);
    expect(await left(at())).to.eql([429, 'r=0', 'r=7']);
    expect(await left(direct)).to.eql([429, 'r=0']);
    await ends(200, ...[200, 200], ...[429, 429], 429);
  });

  for (const [whose, options] of [
    ['its own', { mount: { bodyLimit: 1000 } }],
    ['the gateway', { policy: { bodyLimit: 1000 } }],
  ] as const)
    for (const [framing, rest] of [
      ['a length', `Content-Length: 2000\r\n\r\n${'x'.repeat(2000)}`],
      ['chunks', chunked('x'.repeat(2000))],
    ] as const)
      it(`is refused a body beyond the limit of ${whose}: ${framing}`, async () => {
        let got = 0;
        await start(
          (request) =>
            void request.on('data', (piece: Buffer) => (got += piece.length)).on('error', () => {}),
          options,
        );
        send('POST /svc/demo/bare', rest);
        await expectProblem(await wire.response(), 413, 'BODY_TOO_LARGE');
        expect(got).to.be.at.most(1000);
      });

  it('may respond before the body has arrived, and its client gets that', async () => {
    await start((_request, response) => response.writeHead(403).end('no'));
    send('POST /svc/demo/bare', 'Content-Length: 300000\r\n\r\nx');
    const { status, body } = (await wire.response())!;
    expect([status, String(body)]).to.eql([403, 'no']);
    await ends(403, 403);
  });

  const failures: Readonly<Record<string, NodeHandler>> = {
    'that it throws': () => {
      throw new Error('broken');
    },
    'that its promise rejects with': async () => {
      await Promise.resolve();
      throw new Error('broken');
    },
  };
  for (const [how, application] of Object.entries(failures))
    it(`is a 500 for an error ${how}`, async () => {
      await start(application);
      send('POST /svc/demo/bare', 'Content-Length: 1\r\n\r\nx');
      await expectProblem(await wire.response(), 500, 'INTERNAL');
      expect(gateway.logs.map(({ err }) => (err as Error).message)).to.eql(['broken']);
      await ends(500, 500);
    });

  const silences: Readonly<Record<string, (response: ServerResponse) => void>> = {
    nothing: () => undefined,
    'only the head, which is not sent': (response) => void response.writeHead(200),
  };
  for (const [what, begin] of Object.entries(silences))
    it(`is 504 at its deadline when it has written ${what}, and notices that`, async () => {
      const ticker = new ManualTicker();
      const [called, closed] = [latch(), latch()];
      await start(
        (_request, response) => {
          response.on('close', () => closed.open());
          begin(response);
          called.open();
        },
        { ticker, mount: { timeoutMs: 1000 } },
      );
      send('GET /svc/demo/bare');
      await called.opened;
      ticker.advance(2000);
      await expectProblem(await wire.response(), 504, 'DEADLINE_EXCEEDED');
      await closed.opened;
      await ends(504, 504);
    });

  it('is 504 at the deadline of the gateway', async () => {
    const ticker = new ManualTicker();
    const called = latch();
    await start(() => called.open(), { ticker, policy: { timeoutMs: 1000 } });
    send('GET /svc/demo/bare');
    await called.opened;
    ticker.advance(2000);
    await expectProblem(await wire.response(), 504, 'DEADLINE_EXCEEDED');
    await ends(504, 504);
  });

  it('outlasts both deadlines once its head is sent', async () => {
    const ticker = new ManualTicker();
    const called = latch();
    let response!: ServerResponse;
    await start(
      (_request, given) => {
        response = given;
        response.flushHeaders();
        called.open();
      },
      { ticker, mount: { timeoutMs: 1000 }, policy: { timeoutMs: 1000 } },
    );
    send('GET /svc/demo/bare');
    await called.opened;
    await until(
      () => wire.rest,
      (rest) => rest.includes('200 OK'),
    );
    ticker.advance(2000);
    response.end('late');
    expect(String((await wire.response())?.body)).to.equal('late');
    await ends(200, 200);
  });

  for (const [when, begin] of Object.entries({
    'before its response': (): unknown => undefined,
    'in the middle of its response': (response: ServerResponse): unknown => response.write('part'),
    'while its head is sent': (response: ServerResponse): unknown => response.flushHeaders(),
  }))
    it(`notices that its client leaves ${when}`, async () => {
      const [called, closed] = [latch(), latch()];
      await start((_request, response) => {
        response.on('close', () => closed.open());
        begin(response);
        called.open();
      });
      send('GET /svc/demo/bare');
      await called.opened;
      wire.destroy();
      await closed.opened;
      await ends(499, 499);
    });

  it('is a 500 when it cuts the connection in the middle of its response', async () => {
    await start((_request, response) => void response.write('part', () => response.destroy()));
    send('GET /svc/demo/bare');
    expect(await wire.response()).to.equal(undefined);
    await ends(500, 500);
  });

  it('is cut off with its client when it throws in the middle of its response', async () => {
    await start((_request, response) => {
      response.write('part');
      throw new Error('broken');
    });
    send('GET /svc/demo/bare');
    expect(await wire.response()).to.equal(undefined);
    await ends(500, 500);
  });

  for (const [when, begin] of Object.entries({
    'before its response': (): unknown => undefined,
    'in the middle of its response': (response: ServerResponse): unknown => response.write('part'),
  }))
    it(`is ended with its request ${when}`, async () => {
      const called = latch();
      await start((_request, response) => {
        begin(response);
        called.open();
      });
      send('GET /svc/demo/bare');
      await called.opened;
      gateway.app.interrupt(new HttpError('HANDLER_STALLED', 'It stalls.'), gateway.app.living());
      const response = await wire.response();
      expect(response?.status).to.equal(when.startsWith('before') ? 500 : undefined);
      await ends(500, 500);
    });

  it('ends a stream of events in order when its worker ends', async () => {
    const called = latch();
    await start((_request, response) => {
      response.setHeader('content-type', 'text/event-stream').write(': \n\n');
      called.open();
    });
    send('GET /svc/demo/bare');
    await called.opened;
    gateway.app.abandon(new UnavailableError('DRAINING', 'The process ends.'));
    const response = await wire.response();
    expect([response?.status, String(response?.body)]).to.eql([200, ': \n\n']);
    await ends(200, 200);
  });

  it('responds with a failure of its own, which is not repeated elsewhere', async () => {
    const port = await upstreams.serve((_request, response) => response.end('there'));
    await start((_request, response) => response.writeHead(503).end('later'), {
      endpoints: [LOCAL, endpoint('far', { slot: 1, port })],
    });
    const response = await fetch(at());
    expect([response.status, await response.text()]).to.eql([503, 'later']);
  });

  it('is called for a request that an instance elsewhere has refused', async () => {
    const port = await upstreams.serve((_request, response) => response.writeHead(503).end('later'));
    await start((_request, response) => response.end('here'), {
      endpoints: [endpoint('far', { slot: 1, port }), LOCAL],
    });
    expect(await (await fetch(at())).text()).to.equal('here');
  });

  it('gets a handshake of a WebSocket as an ordinary request', async () => {
    await start(({ headers }, response) => response.end(headers.upgrade));
    const { status, body } = (await wire.request('GET', '/svc/demo/bare', [
      ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]))!;
    expect([status, String(body)]).to.eql([200, 'websocket']);
    await ends(200, 200);
  });

  it('is reached without a socket, too', async () => {
    await start(echo);
    const url = '/svc/demo/bare/x';
    const whole = await gateway.inject({ method: 'POST', url, body: LARGE });
    expect([whole.status, whole.text() === LARGE]).to.eql([200, true]);
    const { status, body } = await injectStream(gateway.app, { method: 'POST', url, body: 'short' });
    expect([status, String((await body.toArray())[0])]).to.eql([200, 'short']);
    await ends(200, 200, 200, 200);
  });
});
