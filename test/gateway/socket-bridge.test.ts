// Handshakes of WebSockets and bridges between them, through a gateway of this thread.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { type WebSocket, WebSocketServer } from 'ws';
import { onCores } from '#test/server/cores.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { RealUpstreams } from '#test/upstream/real-upstreams.js';
import { type GatewayBench, type GatewayBenchOptions, startGateway } from './kit.js';

onCores('a WebSocket through the gateway', (core) => {
  const upstreams = new RealUpstreams();
  let sockets: WebSocketServer | undefined;
  let gateway: GatewayBench;
  afterEach(async () => {
    await gateway.close();
    for (const client of sockets?.clients ?? []) client.terminate();
    sockets?.close();
    sockets = undefined;
    await upstreams.close();
  });

  const startBefore = async (port: number, options: Partial<GatewayBenchOptions> = {}): Promise<void> => {
    gateway = await startGateway({ core, endpoints: [endpoint('far', { slot: 1, port })], ...options });
  };
  /** Starts an instance and the gateway. @returns the first socket that the instance gets */
  const serve = async (
    options: Partial<GatewayBenchOptions> = {},
  ): Promise<{ readonly accepted: Promise<WebSocket> }> => {
    sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(sockets, 'listening');
    await startBefore((sockets.address() as AddressInfo).port, options);
    return { accepted: once(sockets, 'connection').then(([socket]) => socket as WebSocket) };
  };
  const handshake = async (path: string, fields: readonly string[] = []): Promise<number | undefined> => {
    const wire = await Wire.open(gateway.url);
    const response = await wire.request('GET', `/svc/things${path}`, [...HANDSHAKE, ...fields]);
    wire.destroy();
    return response?.status;
  };

  for (const path of ['/a|b"c', '/x\\y', '/{id}?q=<a>&r="`^|\\', "/caf%c3%a9/%2e/'[]?%zz", '/a//b/?x']) {
    it(`has the path that its client has written: ${path}`, async () => {
      let line: string | undefined;
      const server = createServer((socket) => {
        socket.once('data', (head: Buffer) => {
          line = head.toString().split('\r\n')[0];
          socket.end('HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n');
        });
      });
      const port = await upstreams.listen(server);
      await startBefore(port);
      const isRefused = path.includes('%2e');
      expect(await handshake(path)).to.equal(isRefused ? 400 : 403);
      expect(line).to.equal(isRefused ? undefined : `GET ${path} HTTP/1.1`);
    });
  }

  for (const protocols of [['a, a'], ['a b'], ['a,,b'], ['a', 'a'], ['a@b'], ['"a"']]) {
    it(`is refused for subprotocols that are no list of different names: ${protocols.join(' and ')}`, async () => {
      let connections = 0;
      await startBefore(await upstreams.serveRaw(() => void connections++));
      const fields = protocols.map((value) => `Sec-WebSocket-Protocol: ${value}`);
      expect(await handshake('/', fields)).to.equal(400);
      expect(connections).to.equal(0);
    });
  }

  it('is refused for a field that cannot be passed on, which is no fault of the instance', async () => {
    let connections = 0;
    await startBefore(await upstreams.serveRaw(() => void connections++));
    expect(await handshake('/', ['X-Odd: a\x7fb'])).to.equal(400);
    expect(connections).to.equal(0);
  });

  it('marks the failure of the instance as repeated already', async () => {
    let handshakes = 0;
    const port = await upstreams.serveRaw((socket) => {
      handshakes++;
      socket.end('HTTP/1.1 503 later\r\nContent-Length: 0\r\n\r\n');
    });
    await startBefore(port, { policy: { retries: 1 } });
    const wire = await Wire.open(gateway.url);
    const response = await wire.request('GET', '/svc/things/', HANDSHAKE);
    expect(response?.status).to.equal(503);
    expect(response?.headers['x-multilane-final']).to.equal('1');
    expect(handshakes).to.equal(2);
    wire.destroy();
  });

  it('is not opened by a worker that drains', async () => {
    let connections = 0;
    await startBefore(await upstreams.serveRaw(() => void connections++));
    gateway.world.draining = true;
    const wire = await Wire.open(gateway.url);
    const problem = await expectProblem(
      await wire.request('GET', '/svc/things/', HANDSHAKE),
      503,
      'DRAINING',
    );
    expect(problem.executed).to.equal(false);
    expect(connections).to.equal(0);
    wire.destroy();
  });

  it('is closed with 1001 when the worker begins to drain during its handshake', async () => {
    const { accepted } = await serve();
    sockets!.on('headers', () => {
      gateway.world.draining = true;
    });
    const wire = await Wire.open(gateway.url);
    const response = wire.request('GET', '/svc/things/', HANDSHAKE);
    const [code] = (await once(await accepted, 'close')) as [number];
    expect(code).to.equal(1001);
    await expectProblem(await response, 503, 'DRAINING');
    wire.destroy();
  });

  /** A client that has sent more than its instance reads. */
  const unread = async () => {
    const { accepted } = await serve();
    const client = await WebSocketClient.connect(`${gateway.url}/svc/things/`);
    const instance = await accepted;
    instance.pause();
    const { bodyBytes } = gateway.quotas;
    const message = Buffer.alloc(256 * 1024);
    await until(
      () => {
        if (client.socket.bufferedAmount === 0) client.send(message);
        return bodyBytes.held;
      },
      (held) => held > 0,
    );
    return { client, instance };
  };
  const released = (): Promise<unknown> =>
    until(
      () => gateway.quotas.bodyBytes.held,
      (held) => held === 0,
    );

  it('counts what an instance does not read as a body of its client, until it has read it', async () => {
    const { client, instance } = await unread();
    instance.resume();
    await released();
    client.destroy();
  });

  for (const end of ['the instance', 'the client'] as const) {
    it(`releases what the instance has not read when ${end} leaves`, async () => {
      const { client, instance } = await unread();
      if (end === 'the client') client.destroy();
      else instance.terminate();
      await released();
      client.destroy();
    });
  }

  it('ends when the bytes that may wait in the process are used up', async () => {
    const { accepted } = await serve({ quotas: { bodyBytes: [200_000, 200_000] } });
    const client = await WebSocketClient.connect(`${gateway.url}/svc/things/`);
    (await accepted).pause();
    const message = Buffer.alloc(128 * 1024);
    const timer = setInterval(() => {
      if (client.socket.bufferedAmount === 0) client.send(message);
    }, 1);
    const { code } = await client.closed().finally(() => clearInterval(timer));
    expect(code).to.equal(1013);
    expect(gateway.refused).to.include('bodyBytes');
    await until(
      () => gateway.quotas.bodyBytes.held,
      (held) => held === 0,
    );
  });
});
