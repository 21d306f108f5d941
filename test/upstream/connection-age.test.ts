// Connections that are renewed while calls go on, seen from the peer.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { oldAt } from '#src/upstream/connection-age.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import type { OutgoingRequest, Transport } from '#src/upstream/transport.js';
import { latch } from '#test/server/kit.js';
import { until } from '#test/support/until.js';
import { endpoint } from './endpoints.js';
import { http2Peer, respond } from './rpc-peer.js';
import { senderTo } from './rpc-sender.js';

/** How many connections a test waits for. */
const RENEWED = 20;
const AGE_MS = 30;
const CALLERS = 4;

interface Peer {
  readonly port: number;
  /** How many connections were made, and are open. */
  readonly seen: { made: number; open: number };
}

describe('the age of a connection', () => {
  it('is limited, by up to a fifth less than the limit', () => {
    const leftMs = [0, 0.5, 1].map((chance) => oldAt(1_000_000, () => chance) - performance.now());
    for (const [at, ms] of [1_000_000, 900_000, 800_000].entries())
      expect(leftMs[at]).to.be.closeTo(ms, 10_000);
    expect(oldAt(Number.POSITIVE_INFINITY)).to.equal(Number.POSITIVE_INFINITY);
  });
});

const closers: (() => Promise<void> | void)[] = [];

type OnRequest = (path: string) => Promise<void> | void;

/** Counts the connections of a server. */
function counted(sockets: { on(event: 'connection', fn: (socket: Socket) => void): unknown }): Peer['seen'] {
  const seen = { made: 0, open: 0 };
  sockets.on('connection', (socket) => {
    seen.made += 1;
    seen.open += 1;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        seen.open -= 1;
      });
  });
  return seen;
}

async function httpPeer(onRequest: OnRequest): Promise<Peer> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      await onRequest(request.url!);
      response.end('{}');
    })();
  });
  const seen = counted(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

async function grpcPeer(onRequest: OnRequest): Promise<Peer> {
  const peer = await http2Peer((stream, headers) => {
    void (async () => {
      await onRequest(headers[':path']!);
      respond(stream, [Buffer.from('message')], { 'grpc-status': '0' });
    })();
  });
  closers.push(() => peer.close());
  return { port: peer.port, seen: counted(peer.server) };
}

const WAYS = {
  HTTP: { protocol: 'http', peer: httpPeer, transport: (options: object) => new HttpTransport(options) },
  gRPC: { protocol: 'grpc', peer: grpcPeer, transport: (options: object) => new GrpcTransport(options) },
} as const;

for (const [name, way] of Object.entries(WAYS)) {
  describe(`the connections of calls over ${name}`, () => {
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });

    async function setUp(onRequest: OnRequest, options: object) {
      const peer = await way.peer(onRequest);
      const transport: Transport = way.transport(options);
      closers.push(() => transport.close());
      const to: Endpoint = endpoint('one', { port: peer.port, protocol: way.protocol });
      const send = (path = '/demo.Demo/Any'): Promise<number> => {
        const request: OutgoingRequest = {
          protocol: way.protocol,
          method: 'POST',
          path,
          headers: {},
          body: Buffer.from('message'),
          deadline: Deadline.after(60_000),
          signal: undefined as never,
          abort: new OwnAbort(),
        };
        return transport.send(to, request).then(({ status }) => status);
      };
      return { ...peer, send };
    }

    it('are renewed under load without a failed call, and the old ones are closed', async () => {
      const { send, seen } = await setUp(() => undefined, { connectionAgeMs: AGE_MS, connections: CALLERS });
      const statuses = new Set<number>();
      const callAlong = async (): Promise<void> => {
        while (seen.made < RENEWED) statuses.add(await send());
      };
      await Promise.all(Array.from({ length: CALLERS }, callAlong));
      expect([...statuses]).to.deep.equal([200]);
      await until(
        () => seen.open,
        (open) => open <= CALLERS,
      );
      expect(seen.open).to.be.at.most(CALLERS);
    }).timeout(30_000);

    it('end with their running calls when they are old', async () => {
      const begun = latch();
      const end = latch();
      const onRequest: OnRequest = async (path) => {
        if (!path.endsWith('Slow')) return;
        begun.open();
        await end.opened;
      };
      const { send, seen } = await setUp(onRequest, { connectionAgeMs: AGE_MS });
      const slow = send('/demo.Demo/Slow');
      await begun.opened;
      while (seen.made < 5) await send();
      end.open();
      expect(await slow).to.equal(200);
    }).timeout(30_000);

    it('are kept where the age has no limit', async () => {
      const { send, seen } = await setUp(() => undefined, { connectionAgeMs: Number.POSITIVE_INFINITY });
      for (let n = 0; n < 50; n += 1) await send();
      expect(seen.made).to.be.at.most(2);
    });
  });
}

describe('a new connection of calls over HTTP', () => {
  it('is not closed behind its first request, although its predecessor was old', async () => {
    const known = new WeakSet<Socket>();
    const first: (string | undefined)[] = [];
    const server = createServer(({ socket, headers }, response) => {
      if (!known.has(socket)) first.push(headers.connection);
      known.add(socket);
      response.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const transport = new HttpTransport({ connectionAgeMs: 10 * AGE_MS });
    const to = endpoint('one', { port: (server.address() as AddressInfo).port });
    const deadline = Deadline.after(60_000);
    const { signal } = new AbortController();
    const request = { method: 'GET', path: '/', headers: {}, body: undefined, deadline, signal };
    try {
      while (first.length < 5) await transport.send(to, { ...request });
      expect(new Set(first)).to.deep.equal(new Set(['keep-alive']));
    } finally {
      await transport.close();
      server.close();
    }
  }).timeout(30_000);
});

describe('an old connection of calls by gRPC', () => {
  it('takes calls as long as the peer accepts no other one', async () => {
    const peer = await http2Peer((stream) => respond(stream, [Buffer.from('m')], { 'grpc-status': '0' }));
    let refused = 0;
    const accepted = new Set<Socket>();
    peer.server.on('connection', (socket: Socket) => {
      if (accepted.size === 0) accepted.add(socket);
      else {
        refused += 1;
        socket.destroy();
      }
    });
    const { transport, send } = senderTo(peer.port, { connectionAgeMs: 0 });
    try {
      const statuses = new Set<unknown>();
      while (refused < 2) statuses.add(await send().end);
      expect([...statuses]).to.deep.equal([200]);
    } finally {
      await transport.close();
      await peer.close();
    }
  }).timeout(30_000);
});
