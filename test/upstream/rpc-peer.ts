// Peers of calls by gRPC that send exactly what a test wants: a server of HTTP/2 below any library.
import { once } from 'node:events';
import {
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';

export interface Peer {
  readonly port: number;
  close(): Promise<void>;
}

/** The message with its prefix, as it is sent. */
export function framed(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Responds as a server of gRPC does: with messages, and with trailers that contain the status. */
export function respond(
  stream: ServerHttp2Stream,
  messages: readonly Uint8Array[],
  trailers: Record<string, string>,
  headers: Record<string, string> = {},
): void {
  stream.on('error', () => undefined);
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...headers },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  for (const message of messages) stream.write(framed(message));
  stream.end();
}

/** Responds with a status and without a message. */
export function respondOnly(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
}

export interface Http2Peer extends Peer {
  readonly server: Http2Server;
  /** Those that are open. */
  readonly sessions: ReadonlySet<ServerHttp2Session>;
}

export async function http2Peer(
  onStream: (stream: ServerHttp2Stream, headers: Record<string, string>) => void,
  settings: Settings = {},
): Promise<Http2Peer> {
  const server: Http2Server = createServer({ settings });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    onStream(stream, headers as Record<string, string>);
  });
  return { ...(await opened(server, () => sessions)), server, sessions };
}

/** A server that accepts connections and does nothing else. @param reply sent to every connection at once */
export async function tcpPeer(reply?: string): Promise<Peer> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (reply !== undefined) socket.end(reply);
  });
  return opened(server, () => sockets);
}

async function opened(
  server: Server | Http2Server,
  held: () => Iterable<{ destroy(): void }>,
): Promise<Peer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const one of held()) one.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
