// The server of an HTTP worker: its certificate, who may connect, and how it listens.
import { cannotListen } from '../cluster/placeholder-listener.js';
import { boundReceiveBuffers } from '../cluster/receive-buffers.js';
import { listenersOn } from '../port-listeners.js';
import { tlsFilesOf } from '../server/certificate.js';
import { connectionGate } from '../server/connections/connection-gate.js';
import type { HttpServer, HttpServerOptions } from '../server/http-core.js';
import type { NodeServer } from '../server/node/node-server.js';
import type { UwsServer } from '../server/uws/uws-server.js';
import { handedPort } from './handed-port.js';
import { loadNodeServer, loadUwsServer } from './http-cores.js';
import type { OpenedServer, ServerContext, WorkerServer } from './worker-server.js';
import { checkWorkerTls } from './worker-tls.js';

/**
 * The shortest drain of a worker with WebSockets. A WebSocket counts as closed as soon as its close frame is
 * sent. If the server closed the connection at once, while a frame of the client is on its way, the kernel
 * would reset it, and the client might never read the close frame.
 */
const GOODBYE_MS = 500;

/** How a server listens, and the orders that it gets for that. */
type Listening = Pick<OpenedServer, 'orders' | 'begin'> & Pick<WorkerServer, 'stopListening'>;

export async function openHttpServer(context: ServerContext): Promise<OpenedServer> {
  const { host, boot } = context;
  const options = optionsOf(context);
  let server: HttpServer;
  let listening: Listening;
  if (boot.settings.httpCore === 'uws') {
    const uws = new (await loadUwsServer())(host.app, options);
    server = uws;
    listening = uwsListening(context, uws);
  } else {
    const node = new (await loadNodeServer())(host.app, options);
    server = node;
    listening = nodeListening(context, node);
  }
  const { orders, begin, stopListening } = listening;
  return {
    server: {
      get connections() {
        return server.connections;
      },
      get unfinished() {
        return server.unfinished;
      },
      stopListening,
      sayGoodbye: () => (server.leaveWebSockets() > 0 ? GOODBYE_MS : 0),
      close: () => server.close(),
    },
    core: server,
    ...{ orders, begin },
  };
}

function optionsOf(context: ServerContext): HttpServerOptions {
  const { boot, block, host } = context;
  const { settings, slot } = boot;
  const { recorder } = host;
  const tls = tlsFilesOf(settings);
  checkWorkerTls(tls, context);
  const gate = connectionGate(block, slot, settings.maxConnections, recorder);
  const abandonedBodies = recorder.counter('multilane_bodies_abandoned_total');
  return { settings, tls, gate, abandonedBodies };
}

/** The acceptor hands sockets over to the server, or it listens on the port of the boot message. */
function uwsListening({ boot, side, host, log }: ServerContext, server: UwsServer): Listening {
  const { port, settings, slot } = boot;
  const ready = (app: unknown): void => side.ready({ slot, app }, host.app.switchable());
  return {
    stopListening: (withinMs) => server.stopListening(withinMs),
    orders: {},
    async begin() {
      if (port === undefined) return ready(server.descriptor());
      const others = listenersOn(port);
      await server.listen(port, settings.host);
      await boundReceiveBuffers(port, log, others);
      ready(undefined);
    },
  };
}

/**
 * The server listens on the port of the boot message, or on the port of its worker when it gets it. It reads
 * 64 KiB at a time, so receive buffers need no bound.
 */
function nodeListening(context: ServerContext, server: NodeServer): Listening {
  const { boot, side, host } = context;
  const { port, settings, slot } = boot;
  if (port === undefined) return handedPort(context, server, settings.host, { host: 'HOST', port: 'PORT' });
  return {
    stopListening: (withinMs) => server.stopListening(withinMs),
    orders: {},
    async begin() {
      await server.listen(port, settings.host, true).catch((cause: unknown) => {
        throw cannotListen({ host: settings.host, port, cause, isOwnPort: true });
      });
      side.ready({ slot, app: undefined }, host.app.switchable());
    },
  };
}
