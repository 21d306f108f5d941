// Requests through a gateway to upstreams and to a service of its own thread.
import type { Socket } from 'node:net';
import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import { onCores } from '#test/server/cores.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { RealUpstreams } from '#test/upstream/real-upstreams.js';
import { type GatewayBench, type GatewayBenchOptions, startGateway } from './kit.js';

const LOCAL = endpoint('own', { service: 'demo', slot: 2, local: true });

onCores('a request through the gateway', (core) => {
  const upstreams = new RealUpstreams();
  let gateway: GatewayBench;
  const start = async (options: Omit<GatewayBenchOptions, 'core'>): Promise<void> => {
    gateway = await startGateway({ core, ...options });
  };
  afterEach(async () => {
    await gateway.close();
    await upstreams.close();
  });

  describe('whose body an instance elsewhere has begun to get', () => {
    for (const body of ['short', 'x'.repeat(300_000)]) {
      it(`is not repeated at an instance of this thread, which could not read it: ${body.length} bytes`, async () => {
        const port = await upstreams.serve((request, response) => {
          request.resume().on('end', () => response.writeHead(503).end('later'));
        });
        let ran = 0;
        const routes: GatewayBenchOptions['routes'] = (app) =>
          app.post('/', async (ctx) => {
            ran++;
            return (await ctx.readBytes()).length;
          });
        await start({ endpoints: [endpoint('far', { slot: 1, port }), LOCAL], routes });
        const headers = { 'idempotency-key': 'k' };
        const response = await fetch(`${gateway.url}/svc/demo/`, { method: 'POST', body, headers });
        expect(`${response.status} ${await response.text()}`).to.equal('503 later');
        expect(ran).to.equal(0);
      });
    }
  });

  for (const space of ['\u00a0', '\u2003', '\ufeff']) {
    it(`is passed on with a tracestate that cannot be: ${JSON.stringify(space)}`, async () => {
      const port = await upstreams.serve(({ headers }, response) =>
        response.end(JSON.stringify(headers.tracestate ?? null)),
      );
      await start({ endpoints: [endpoint('far', { slot: 1, port })] });
      const wire = await Wire.open(gateway.url);
      const traceparent = `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
      const fields = [traceparent, `tracestate: a=1${space},b=2`, `x-request-id: x${space}`];
      const { status, body } = (await wire.request('GET', '/svc/things/', fields))!;
      expect(`${status} ${body.toString()}`).to.equal('200 null');
      wire.destroy();
    });
  }

  for (const service of ['things', 'demo']) {
    it(`holds no probe of a breaker while its client sends nothing of its body: ${service}`, async () => {
      const port = await upstreams.serve((request, response) => {
        request.resume().on('end', () => response.end('there'));
      });
      await start({ endpoints: [endpoint('far', { slot: 1, port }), LOCAL] });
      const { breaker, ahead, observer } = gateway;
      for (let i = 0; i < 20; i++) breaker.settle(1, breaker.admit(1), 'failure');
      ahead.ms = 6_000;
      const wire = await Wire.open(gateway.url);
      wire.write(`POST /svc/${service}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n`);
      await until(
        () => observer.begun,
        (begun) => begun > 0,
      );
      const before = breaker.state(1);
      wire.write('body');
      expect(String((await wire.response())?.body)).to.equal('there');
      expect(before).to.include({ state: 'half-open', taken: 0 });
      expect(breaker.state(1)).to.include({ state: 'half-open', succeeded: 1 });
      wire.destroy();
    });
  }

  it('goes to no instance that leaves before its body begins', async () => {
    const got: string[] = [];
    const ports = [];
    for (const id of ['first', 'second'])
      ports.push(
        await upstreams.serve((request, response) => {
          got.push(id);
          request.resume().on('end', () => response.end(id));
        }),
      );
    const endpoints = ports.map((port, at) => endpoint(`far${at}`, { slot: at + 1, port }));
    await start({ endpoints });
    const wire = await Wire.open(gateway.url);
    wire.write('POST /svc/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n');
    const [first] = endpoints as [Endpoint];
    await until(
      () => gateway.observer.begun,
      (begun) => begun > 0,
    );
    endpoints.shift();
    const response = wire.response();
    wire.write('late');
    expect((await response)?.body.toString()).to.equal('second');
    expect(got).to.deep.equal(['second']);
    expect(gateway.inFlight(first)).to.equal(0);
    wire.destroy();
  });

  for (const read of ['readBytes', 'readStream'] as const)
    it(`is refused beyond the limit of the gateway for chunks that a service of this thread reads: ${read}`, async () => {
      const routes: GatewayBenchOptions['routes'] = (app) =>
        app.post('/', async (ctx) => {
          if (read === 'readBytes') await ctx.readBytes();
          else for await (const piece of ctx.readStream()) expect(piece.length).to.be.at.most(1000);
        });
      await start({ endpoints: [LOCAL], routes, policy: { bodyLimit: 1000 } });
      const wire = await Wire.open(gateway.url);
      wire.write('POST /svc/demo/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
      await until(
        () => gateway.observer.begun,
        (begun) => begun > 1,
      );
      wire.write(`7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`);
      await expectProblem(await wire.response(), 413, 'BODY_TOO_LARGE');
      wire.destroy();
    });

  it('is repeated at an instance of this thread when it has no body', async () => {
    const port = await upstreams.serve((_request, response) => response.writeHead(503).end('later'));
    const routes: GatewayBenchOptions['routes'] = (app) => app.get('/', () => 'here');
    await start({ endpoints: [endpoint('far', { slot: 1, port }), LOCAL], routes });
    expect(await (await fetch(`${gateway.url}/svc/demo/`)).text()).to.equal('here');
  });

  it('releases the response of this thread that an instance elsewhere has made needless', async () => {
    const port = await upstreams.serve((_request, response) => response.end('there'));
    const routes: GatewayBenchOptions['routes'] = (app) =>
      app.get('/', (ctx) => ctx.status(503).text('x'.repeat(200_000)));
    await start({ endpoints: [LOCAL, endpoint('far', { slot: 1, port })], routes });
    expect(await (await fetch(`${gateway.url}/svc/demo/`)).text()).to.equal('there');
    expect(gateway.quotas.bodyBytes.held).to.equal(0);
  });

  for (const [framing, body] of [
    ['Content-Length: 1000000', 'x'.repeat(200_000)],
    ['Transfer-Encoding: chunked', `${(200_000).toString(16)}\r\n${'x'.repeat(200_000)}\r\n`],
  ] as const) {
    for (const end of ['end', 'resetAndDestroy'] as const) {
      it(`gives a slow client no whole response when the instance leaves in its middle: ${framing}, ${end}`, async () => {
        const sockets: Socket[] = [];
        const port = await upstreams.serveRaw((socket) => {
          sockets.push(socket);
          socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${framing}\r\n\r\n${body}`);
        });
        await start({ endpoints: [endpoint('far', { slot: 1, port })] });
        const wire = await Wire.open(gateway.url);
        wire.pause();
        const response = wire.request('GET', '/svc/things/');
        await until(
          () => gateway.observer.begun > 0 && sockets[0]?.writableLength,
          (left) => left === 0,
        );
        sockets[0]![end]();
        wire.resume();
        expect(await response).to.equal(undefined);
        expect(wire.rest).to.match(/^HTTP\/1.1 200 /);
      });
    }
  }

  for (const connection of ['idempotency-key', 'Keep-Alive, Idempotency-Key']) {
    it(`is not repeated for a key that the instance does not get: Connection: ${connection}`, async () => {
      const keys: unknown[] = [];
      const port = await upstreams.serve((request, response) => {
        keys.push(request.headers['idempotency-key']);
        response.writeHead(503).end();
      });
      await start({ endpoints: [endpoint('a', { slot: 1, port }), endpoint('b', { slot: 2, port })] });
      const wire = await Wire.open(gateway.url);
      const fields = ['Idempotency-Key: k', `Connection: ${connection}`];
      expect((await wire.request('POST', '/svc/things/', fields, 'body'))?.status).to.equal(503);
      expect(keys).to.deep.equal([undefined]);
      keys.splice(0);
      expect((await wire.request('POST', '/svc/things/', ['Idempotency-Key: k'], 'body'))?.status).to.equal(
        503,
      );
      expect(keys).to.deep.equal(['k', 'k', 'k']);
      wire.destroy();
    });
  }

  it('has one address hold half of the connections to an instance, and no more', async () => {
    const waiting: (() => void)[] = [];
    const port = await upstreams.serve((_request, response) => void waiting.push(() => response.end('ok')));
    const far = endpoint('far', { slot: 1, port });
    await start({ endpoints: [far], connections: 4 });
    const from = async (address: string): Promise<Wire> => {
      const wire = await Wire.open(gateway.url, undefined, address);
      void wire.request('GET', '/svc/things/');
      return wire;
    };
    const held = [await from('127.0.0.1'), await from('127.0.0.1')];
    await until(
      () => waiting.length,
      (count) => count === 2,
    );
    const problem = await expectProblem(await fetch(`${gateway.url}/svc/things/`), 503, 'OVERLOADED');
    expect(problem.executed).to.equal(false);
    expect(gateway.refusals()).to.equal(1);

    const other = await from('127.0.0.2');
    await until(
      () => waiting.length,
      (count) => count === 3,
    );
    held[0]!.destroy();
    waiting[1]!();
    await until(
      () => gateway.inFlight(far),
      (count) => count === 1,
    );
    const again = [await from('127.0.0.1'), await from('127.0.0.1')];
    await until(
      () => waiting.length,
      (count) => count === 5,
    );
    for (const wire of [...held, other, ...again]) wire.destroy();
  });
});
