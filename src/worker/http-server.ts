// The server of an HTTP worker: its certificate, who may connect, and how it listens.
import type { Logger } from 'pino';
import type { WorkerBoot } from '../cluster/messages.js';
import { boundReceiveBuffers, listenersOn } from '../cluster/receive-buffers.js';
import type { Descriptor } from '../cluster/sharding.js';
import { checkCertificate, tlsFilesOf } from '../server/certificate.js';
import { connectionGate } from '../server/connections/connection-gate.js';
import { UwsServer } from '../server/uws/uws-server.js';
import type { OpenedServer, ServerContext } from './worker-server.js';

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

function createServer({ boot, block, host, log }: ServerContext): UwsServer {
  const { settings, slot, generation } = boot;
  const { app, recorder } = host;
  // Read per thread, so that a replacement serves a renewed certificate.
  const tls = tlsFilesOf(settings);
  const warnings = tls === undefined ? [] : checkCertificate(tls);
  // The primary has already logged these for the first generation.
  if (generation > 1) for (const warning of warnings) log.warn(warning);
  const gate = connectionGate(block, slot, settings.maxConnections, recorder);
  return new UwsServer(app, { settings, tls, gate });
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
