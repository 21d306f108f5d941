// The connections of calls by gRPC, seen from the peer: each is closed, and none is cut while others need it.
import { EventEmitter, once } from 'node:events';
import {
  createServer as createHttp2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import type { OutgoingRequest } from '#src/upstream/transport.js';
import { endpoint } from './endpoints.js';
import { respond } from './rpc-peer.js';

const OK = { 'grpc-status': '0' };

describe('the connections of calls by gRPC', () => {
  const closers: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function transportTo(port: number, options = {}, metadata: Endpoint['metadata'] = {}) {
    const transport = new GrpcTransport(options);
    closers.push(() => transport.close());
    const to: Endpoint = endpoint('one', { port, protocol: 'grpc', metadata });
    const send = (abort = new OwnAbort(), members: Partial<OutgoingRequest> = {}): Promise<unknown> =>
      transport
        .send(to, {
          protocol: 'grpc',
          method: 'POST',
          path: '/demo.Demo/Any',
          headers: {},
          body: Buffer.from('message'),
          deadline: Deadline.after(20_000),
          signal: undefined as never,
          abort,
          ...members,
        })
        .then(
          ({ status }) => status,
          (error: unknown) => (error as { code?: string }).code ?? error,
        );
    return { transport, to, send };
  }

  /** Accepts connections and sends nothing. Emits `accepted` and `closed`. */
  async function silentPeer() {
    const events = new EventEmitter();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).resume();
      socket.on('close', () => {
        sockets.delete(socket);
        events.emit('closed');
      });
      events.emit('accepted');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port, events, sockets };
  }

  async function http2PeerOf(onStream: (stream: ServerHttp2Stream, path: string) => void, settings = {}) {
    const server = createHttp2Server({ settings });
    const events = new EventEmitter();
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => undefined);
      session.on('close', () => {
        sessions.delete(session);
        events.emit('closed');
      });
      events.emit('session');
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onStream(stream, String(headers[':path']));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port, events, sessions };
  }

  for (const scheme of ['http', 'https'])
    it(`are closed when they were not made in time (${scheme})`, async () => {
      const { port, events } = await silentPeer();
      const closed = once(events, 'closed');
      const { send } = transportTo(port, { connectTimeoutMs: 50 }, { scheme });
      expect(await send()).to.equal('BAD_UPSTREAM');
      await closed;
    });

  it('are closed when the transport closes while they are being made', async () => {
    const { port, events, sockets } = await silentPeer();
    const { transport, send } = transportTo(port);
    const accepted = once(events, 'accepted');
    const call = send();
    await accepted;
    const closed = once(events, 'closed');
    await transport.close();
    expect(await call).to.equal('BAD_UPSTREAM');
    await closed;
    expect(sockets.size).to.equal(0);
  });

  it('are closed when the endpoint leaves and the caller that waits for them too', async () => {
    const { port, events } = await silentPeer();
    const { transport, to, send } = transportTo(port);
    const accepted = once(events, 'accepted');
    const abort = new OwnAbort();
    const call = send(abort);
    await accepted;
    transport.leave(to);
    const closed = once(events, 'closed');
    abort.abort('left');
    expect(await call).to.equal('left');
    await closed;
  });

  it('are made for the calls that wait for them when the endpoint leaves, and closed then', async () => {
    const { port, events } = await http2PeerOf((stream) => respond(stream, [Buffer.alloc(0)], OK));
    const { transport, to, send } = transportTo(port);
    const call = send();
    transport.leave(to);
    const closed = once(events, 'closed');
    expect(await call).to.equal(200);
    await closed;
  });

  it('are closed although the peer has never admitted the streams of cancelled calls', async () => {
    const { port, events } = await http2PeerOf(() => undefined, { maxConcurrentStreams: 0 });
    const { transport, to, send } = transportTo(port);
    const abort = new OwnAbort();
    const session = once(events, 'session');
    const calls = Array.from({ length: 10 }, () => send(abort));
    await session;
    abort.abort('left');
    expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['left']));
    const closed = once(events, 'closed');
    transport.leave(to);
    await closed;
  });

  it('are replaced when too many cancelled calls were not admitted', async () => {
    const { port, events } = await http2PeerOf(() => undefined, { maxConcurrentStreams: 0 });
    const { send } = transportTo(port);
    const closed = once(events, 'closed');
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    while (!isClosed) {
      const abort = new OwnAbort();
      const calls = Array.from({ length: 50 }, () => send(abort));
      await new Promise((resolve) => setImmediate(resolve));
      abort.abort('left');
      await Promise.all(calls);
    }
  });

  it('stay for a running call while thousands of others are cancelled', async () => {
    let slow: ServerHttp2Stream | undefined;
    const arrived = new EventEmitter();
    const peer = await http2PeerOf((stream, path) => {
      if (path.endsWith('Slow')) slow = stream;
      arrived.emit('stream');
    });
    const { send } = transportTo(peer.port);
    const begun = once(arrived, 'stream');
    const running = send(new OwnAbort(), { path: '/demo.Demo/Slow' });
    await begun;
    const ends = new Set<unknown>();
    for (let made = 0; made < 2_500; made++) {
      const abort = new OwnAbort();
      const next = once(arrived, 'stream');
      const call = send(abort);
      await next;
      abort.abort('left');
      ends.add(await call);
    }
    expect(ends).to.deep.equal(new Set(['left']));
    respond(slow!, [Buffer.alloc(0)], OK);
    expect(await running).to.equal(200);
  });
}).timeout(20_000);
