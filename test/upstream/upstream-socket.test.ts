// Handshakes of WebSockets with endpoints that open none, or in an unusual way. What comes of a handshake
// depends on what a client has asked for, so a response shows nothing about the endpoint.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { SignalAbort } from '#src/abort-source.js';
import { openSocket } from '#src/upstream/socket-handshake.js';
import { UpstreamSocket } from '#src/upstream/upstream-socket.js';
import { judgeError } from '#src/upstream/verdict.js';
import { endpoint } from './endpoints.js';

const NEVER = new AbortController().signal;

const opened = (port: number, protocols = '') =>
  openSocket(endpoint('one', { port }), {
    ...{ path: '/', headers: ['constructor', 'x', '__proto__', 'y'], protocols, maxMessageBytes: 1024 },
    abort: new SignalAbort(NEVER),
  });
const portOf = (server: Server | WebSocketServer): number => (server.address() as AddressInfo).port;

describe('a handshake with an endpoint', () => {
  let server: Server | undefined;
  const responding = async (text: string): Promise<number> => {
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(text));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return portOf(server);
  };
  afterEach(() => server?.close());

  const choosing = async (choice: string | false): Promise<WebSocketServer> => {
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => choice });
    await once(sockets, 'listening');
    return sockets;
  };

  it('opens a socket when the endpoint chooses none of the subprotocols', async () => {
    const sockets = await choosing(false);
    const socket = await opened(portOf(sockets), 'v1, v2');
    expect(socket).to.be.instanceOf(UpstreamSocket);
    expect((socket as UpstreamSocket).protocol).to.equal(undefined);
    (socket as UpstreamSocket).terminate();
    sockets.close();
  });

  it('opens a socket with the one that it chooses', async () => {
    const sockets = await choosing('v2');
    const socket = (await opened(portOf(sockets), 'v1, v2')) as UpstreamSocket;
    expect(socket.protocol).to.equal('v2');
    socket.terminate();
    sockets.close();
  });

  for (const [what, text] of [
    ['a bare 101', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    [
      'a 101 with a wrong key',
      'HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
    ],
    ['a status that HTTP does not have', 'HTTP/1.1 700 x\r\nContent-Length: 0\r\n\r\n'],
    ['an unknown coding', 'HTTP/1.1 200 x\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
    ['a refusal that does not end', 'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'],
    ['a long refusal', `HTTP/1.1 200 x\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`],
  ] as const) {
    it(`is BAD_UPSTREAM, and counts against no endpoint: ${what}`, async () => {
      const error = await opened(await responding(text)).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.include({ code: 'BAD_UPSTREAM' });
      expect(judgeError(error, NEVER)).to.include({ outcome: 'ignored', reached: 'ignored' });
    });
  }

  it('counts against an endpoint that sends no response', async () => {
    const error = await opened(await responding('garbage\r\n\r\n')).catch((reason: unknown) => reason);
    expect(judgeError(error, NEVER)).to.include({ reached: 'failure' });
  });
});

describe('an open socket', () => {
  const upstreams = async (): Promise<WebSocketServer> => {
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(sockets, 'listening');
    return sockets;
  };
  const events = { message() {}, drained() {}, closed() {} };

  it('ends when its endpoint sends nothing, not even the response to a ping', async () => {
    const sockets = await upstreams();
    sockets.on('connection', (socket) => socket.pause());
    const socket = (await opened(portOf(sockets))) as UpstreamSocket;
    const code = await new Promise<number>((resolve) => {
      socket.serve({ ...events, closed: resolve }, 40);
      socket.resume();
    });
    expect(code).to.equal(1006);
    for (const client of sockets.clients) client.terminate();
    sockets.close();
  });

  it('stays open while its endpoint responds to pings', async () => {
    const sockets = await upstreams();
    const pings = new Promise<void>((resolve) => {
      let count = 0;
      sockets.on('connection', (client) => {
        client.on('ping', () => {
          if (++count === 5) resolve();
        });
      });
    });
    const socket = (await opened(portOf(sockets))) as UpstreamSocket;
    let isClosed = false;
    socket.serve({ ...events, closed: () => (isClosed = true) }, 40);
    socket.resume();
    await pings;
    expect(isClosed).to.equal(false);
    socket.terminate();
    sockets.close();
  });
});
