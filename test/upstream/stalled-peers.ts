// Servers of all kinds in a thread of their own, which respond while that of the test is stalled.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { respond } from './rpc-peer.js';

/** The ports by scheme and protocol. */
export type PeerPorts = Readonly<Record<'http' | 'https', Readonly<Record<'http' | 'grpc', number>>>>;

const tls = workerData as { readonly key: string; readonly cert: string };

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const rpc = [createHttp2Server(), createSecureServer(tls)] as const;
for (const server of rpc)
  server
    .on('stream', (stream) => {
      stream.on('error', () => undefined);
      respond(stream, [Buffer.alloc(0)], { 'grpc-status': '0' });
    })
    .on('sessionError', () => undefined);

const ports: PeerPorts = {
  http: {
    http: await listening(createHttpServer((_request, response) => response.end('x'))),
    grpc: await listening(rpc[0]),
  },
  https: {
    http: await listening(createHttpsServer(tls, (_request, response) => response.end('x'))),
    grpc: await listening(rpc[1]),
  },
};
parentPort!.postMessage(ports);
