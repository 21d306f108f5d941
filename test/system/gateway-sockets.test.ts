// WebSockets through the gateway: to instances elsewhere and to a service of its own process.
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type WebSocket, WebSocketServer } from 'ws';
import { json, put } from '#test/support/client.js';
import { startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { RELAYED } from './fixtures/paths.js';

describe('WebSockets through the gateway', () => {
  const cluster = useCluster({ config: RELAYED });
  let server: WebSocketServer;
  let seen: IncomingHttpHeaders[] = [];
  let accepted: WebSocket[] = [];

  const register = async (adminUrl: string): Promise<void> => {
    const { port } = server.address() as AddressInfo;
    const instance = `${adminUrl}/registry/v1/services/things/instances/ws`;
    await json(await put(instance, { host: '127.0.0.1', port, ttlSeconds: 3600 }), 201);
  };
  before(async () => {
    server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      handleProtocols: (offered) => (offered.has('v2') ? 'v2' : false),
      verifyClient: ({ req }, done) => done(req.url !== '/refused', 403, 'no'),
    });
    server.on('headers', (headers) => headers.push('Set-Cookie: ws=1', 'X-Multilane-Final: 1'));
    server.on('connection', (socket, { headers, url }) => {
      seen.push(headers);
      accepted.push(socket);
      socket.send(`at ${url}`);
      socket.on('message', (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await once(server, 'listening');
    await register(cluster.adminUrl);
  });
  after(() => server.close());
  beforeEach(() => {
    seen = [];
    accepted = [];
  });

  const at = (path: string): string => `${cluster.url}/svc${path}`;

  it('carry text and bytes both ways, with the subprotocol of the instance', async () => {
    const client = await WebSocketClient.connect(at('/things/chat?x=1'), {
      protocols: ['v1', 'v2'],
      headers: { 'x-forwarded-for': '6.6.6.6', origin: 'https://shop.example', 'x-mesh-token': 'things.0' },
    });
    expect(client.socket.protocol).to.equal('v2');
    expect(await client.next()).to.equal('at /chat?x=1');
    client.send('caf\u00e9');
    expect(await client.next()).to.equal('caf\u00e9');
    client.send(Buffer.from([0, 255]));
    expect(await client.next()).to.deep.equal(Buffer.from([0, 255]));
    expect(seen[0]).to.include({ 'x-forwarded-for': '127.0.0.1', origin: 'https://shop.example' });
    expect(seen[0]).not.to.have.any.keys('x-mesh-token');
    client.destroy();
  });

  it('pass on close codes both ways', async () => {
    const fromInstance = await WebSocketClient.connect(at('/things/'));
    await fromInstance.next();
    accepted[0]!.close(4001, 'enough');
    expect(await fromInstance.closed()).to.deep.equal({ code: 4001, reason: 'enough' });

    const fromClient = await WebSocketClient.connect(at('/things/'));
    await fromClient.next();
    const closed = once(accepted[1]!, 'close');
    fromClient.socket.close(4002, 'bye');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).to.deep.equal([4002, 'bye']);
  });

  it('end on one side when the other is lost', async () => {
    const client = await WebSocketClient.connect(at('/things/'));
    await client.next();
    accepted[0]!.terminate();
    expect((await client.closed()).code).to.equal(1014);

    const lost = await WebSocketClient.connect(at('/things/'));
    await lost.next();
    const closed = once(accepted[1]!, 'close');
    lost.destroy();
    await closed;
  });

  it('get the refusal of the instance', async () => {
    const key = Buffer.alloc(16).toString('base64');
    const plain = await fetch(at('/things/refused'), { headers: { 'sec-websocket-key': key } });
    expect(plain.status).to.equal(426);
    const refused = await WebSocketClient.connect(at('/things/refused')).catch(
      (error: Error) => error.message,
    );
    expect(refused).to.include('403');
  });

  it('stop reading from an instance while their client does not read', async () => {
    const client = await WebSocketClient.connect(at('/things/'));
    await client.next();
    client.socket.pause();
    const message = Buffer.alloc(256 * 1024);
    let sent = 0;
    const push = (): void => {
      const instance = accepted[0]!;
      if (sent < 400 && instance.bufferedAmount < message.length) {
        sent++;
        instance.send(message);
      }
    };
    const timer = setInterval(push, 1);
    const counts: number[] = [];
    await until(
      () => counts.push(sent),
      () => counts.at(-1)! > 0 && counts.at(-1) === counts.at(-20),
    ).finally(() => clearInterval(timer));
    expect(sent).to.be.below(400);
    client.socket.resume();
    for (let i = 0; i < sent; i++) expect(((await client.next()) as Buffer).length).to.equal(message.length);
    client.destroy();
  });

  it('end when the instance does not read what their client sends', async () => {
    const client = await WebSocketClient.connect(at('/things/'));
    await client.next();
    accepted[0]!.pause();
    const message = Buffer.alloc(1024 * 1024);
    const timer = setInterval(() => {
      if (client.socket.bufferedAmount === 0) client.send(message);
    }, 1);
    const { code } = await client.closed().finally(() => clearInterval(timer));
    expect(code).to.equal(1013);
  });

  it('reach a service of the same process by its own rules', async () => {
    const client = await WebSocketClient.connect(at('/local/chat'), { protocols: ['chat.v2'] });
    expect(client.socket.protocol).to.equal('chat.v2');
    client.send('hello');
    expect(await client.next()).to.equal('hello');
    client.destroy();
    const foreign = await WebSocketClient.connect(at('/local/chat'), {
      headers: { origin: 'https://other.example' },
    }).catch((error: Error) => error.message);
    expect(foreign).to.include('403');
  });

  it('close with 1001 when the process drains', async function () {
    this.timeout(60_000);
    const other = await startCluster({ config: RELAYED, env: { WORKERS: '1' } });
    try {
      await register(other.adminUrl);
      const client = await WebSocketClient.connect(`${other.url}/svc/things/`);
      await client.next();
      const closed = once(accepted[0]!, 'close');
      other.signal('SIGTERM');
      expect((await client.closed()).code).to.equal(1001);
      const [code] = (await closed) as [number];
      expect(code).to.equal(1001);
    } finally {
      await other.dispose();
    }
  });
});
