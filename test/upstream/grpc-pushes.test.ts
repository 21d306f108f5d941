// Peers that push responses, which gRPC has no use for. Such a call may fail, but the process goes on: the
// error of a pushed stream to which nothing listens would end it.
import { once } from 'node:events';
import { constants } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { endpoint } from './endpoints.js';
import { http2Peer, respond } from './rpc-peer.js';

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PUSH_PROMISE = 5;
const GOAWAY = 7;
const END_HEADERS = 4;
const FIRST_CALL = 1;
const PUSHED = 2;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header.set([type, flags], 3);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

const numbers = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
};

/** `GET http://a/` and status 200, by the static table of RFC 7541. */
const PROMISED = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 'a'.charCodeAt(0)]);
const STATUS_200 = Buffer.from([0x88]);

const PUSH = Buffer.concat([
  frame(PUSH_PROMISE, END_HEADERS, FIRST_CALL, Buffer.concat([numbers(PUSHED), PROMISED])),
  frame(HEADERS, END_HEADERS, PUSHED, STATUS_200),
]);
const goaway = (code: number): Buffer => frame(GOAWAY, 0, 0, numbers(FIRST_CALL, code));
const reset = (stream: number, code: number): Buffer => frame(RST_STREAM, 0, stream, numbers(code));

const { NGHTTP2_INTERNAL_ERROR: BROKEN, NGHTTP2_PROTOCOL_ERROR: WRONG } = constants;

/** What the peer does when it has pushed; the connection ends then. */
const ENDS: readonly (readonly [name: string, frames: Buffer])[] = [
  ['ends the connection with an error', goaway(BROKEN)],
  ['resets the pushed stream', reset(PUSHED, BROKEN)],
  ['resets the pushed stream and ends the connection', Buffer.concat([reset(PUSHED, WRONG), goaway(WRONG)])],
  ['resets the call', reset(FIRST_CALL, BROKEN)],
  ['cuts the connection', Buffer.alloc(0)],
];

/** Pushes below any library, because those obey the setting of the client; it never confirms that. */
async function pushingPeer(end: Buffer) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    let received = Buffer.alloc(0);
    let at = PREFACE_BYTES;
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= at + FRAME_HEADER_BYTES) {
        const [length, type] = [received.readUIntBE(at, 3), received[at + 3]];
        at += FRAME_HEADER_BYTES + length;
        if (type === HEADERS) socket.end(Buffer.concat([PUSH, end]));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a call by gRPC to a peer that pushes', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function callsTo(port: number): () => Promise<unknown> {
    const transport = new GrpcTransport();
    closers.push(() => transport.close());
    const to = endpoint('one', { port, protocol: 'grpc' });
    const request = { protocol: 'grpc', method: 'POST', path: '/demo.Demo/Any', headers: {} } as const;
    const rest = { body: Buffer.alloc(0), signal: undefined as never };
    return () =>
      transport
        .send(to, { ...request, ...rest, deadline: Deadline.after(20_000), abort: new OwnAbort() })
        .then(
          ({ status }) => status,
          (error: unknown) => (error as { code?: string }).code ?? error,
        );
  }

  it('forbids that before its first request', async () => {
    const allowed: boolean[] = [];
    const peer = await http2Peer((stream) => {
      allowed.push(stream.pushAllowed);
      respond(stream, [Buffer.alloc(0)], { 'grpc-status': '0' });
    });
    closers.push(() => peer.close());
    expect(await callsTo(peer.port)()).to.equal(200);
    expect(allowed).to.deep.equal([false]);
  });

  for (const [name, end] of ENDS)
    it(`fails as a call when the peer ${name}, every time`, async () => {
      const peer = await pushingPeer(end);
      closers.push(() => peer.close());
      const call = callsTo(peer.port);
      const uncaught: unknown[] = [];
      const note = (error: unknown): void => void uncaught.push(error);
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException').on('uncaughtException', note);
      try {
        for (let calls = 0; calls < 30; calls++) expect(await call()).to.equal('BAD_UPSTREAM');
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const listener of listeners) process.on('uncaughtException', listener);
      }
      expect(uncaught).to.deep.equal([]);
    });
}).timeout(20_000);
