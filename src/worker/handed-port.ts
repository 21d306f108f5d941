// The server of a worker that has its port by one thread at a time: it asks the primary for the port when its
// services are mounted, and carries out the orders to listen and to give the port up.
import { setTimeout as delay } from 'node:timers/promises';
import type { ListenSettings } from '../cluster/listen-failure.js';
import { PortListener, type PortServer } from './port-listener.js';
import type { OpenedServer, ServerContext, WorkerServer } from './worker-server.js';

/**
 * How long a worker that gives up its port itself waits before it sends clients away. A successor in another
 * process, which tries to listen all the time, has the port by then.
 */
const SUCCESSION_MS = 100;

export type HandedPort = Pick<OpenedServer, 'orders' | 'begin'> & Pick<WorkerServer, 'stopListening'>;

/** @param address the address on which the process listens */
export function handedPort(
  { boot, side, host, log }: ServerContext,
  server: PortServer,
  address: string,
  settings: ListenSettings,
): HandedPort {
  const listener = new PortListener({
    ...{ server, host: address, settings },
    listening: (port) => side.listening(port),
    ready: () => side.ready({ slot: boot.slot, app: undefined }, host.app.switchable()),
    failed(error, isHopeless) {
      if (isHopeless) side.refuse(error.message, error.exitCode);
      else side.startFailed(error);
    },
    late: (err) => log.error({ err }, 'a worker does not listen; it tries again and again'),
  });
  return {
    async stopListening(withinMs) {
      const isFirst = listener.isListening;
      await listener.unbind(withinMs);
      if (isFirst) await delay(Math.min(SUCCESSION_MS, boot.settings.drainMs));
    },
    orders: {
      listen: (order) => void listener.listen(order),
      unbind: () => listener.unbind(),
    },
    async begin() {
      side.wantPort();
    },
  };
}
