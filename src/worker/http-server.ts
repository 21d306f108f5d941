// The server of an HTTP worker: its certificate, who may connect, and how it listens.
import type { Logger } from 'pino';
import type { WorkerBoot } from '../cluster/messages.js';
import { boundReceiveBuffers, listenersOn } from '../cluster/receive-buffers.js';
import type { Descriptor } from '../cluster/sharding.js';
import { tlsFilesOf } from '../server/certificate.js';
import { connectionGate } from '../server/connections/connection-gate.js';
import { UwsServer } from '../server/uws/uws-server.js';
import type { OpenedServer, ServerContext } from './worker-server.js';
import { checkWorkerTls } from './worker-tls.js';

/**
 * The shortest drain of a worker with WebSockets. A WebSocket counts as closed as soon as its close frame is
 * sent. If the server closed the connection at once, while a frame of the client is on its way, the kernel
 * would reset it, and the client might never read the close frame.
 */
const GOODBYE_MS = 500;

export async function openHttpServer(context: ServerContext): Promise<OpenedServer> {
  const { boot, side, host, log } = context;
  const server = createServer(context);
  return {
    server: {
      get connections() {
        return server.connections;
      },
      get unfinished() {
        return server.unfinished;
      },
      stopListening: () => server.stopListening(),
      sayGoodbye: () => (server.leaveWebSockets() > 0 ? GOODBYE_MS : 0),
      close: () => server.close(),
    },
    core: server,
    orders: {},
    async begin() {
      side.ready({ slot: boot.slot, app: await listen(server, boot, log) }, host.app.switchable());
    },
  };
}

function createServer(context: ServerContext): UwsServer {
  const { boot, block, host } = context;
  const { settings, slot } = boot;
  const { app, recorder } = host;
  const tls = tlsFilesOf(settings);
  checkWorkerTls(tls, context);
  const gate = connectionGate(block, slot, settings.maxConnections, recorder);
  const abandonedBodies = recorder.counter('multilane_bodies_abandoned_total');
  return new UwsServer(app, { settings, tls, gate, abandonedBodies });
}

/**
 * Listens on the port of the boot message.
 * @returns what the acceptor hands sockets over to, where the boot message has no port
 */
async function listen(
  server: UwsServer,
  { port, settings }: WorkerBoot,
  log: Logger,
): Promise<Descriptor['app']> {
  if (port === undefined) return server.descriptor();
  const others = listenersOn(port);
  await server.listen(port, settings.host);
  await boundReceiveBuffers(port, log, others);
  return undefined;
}
