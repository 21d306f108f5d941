// The order in which a worker drains: it stops listening, finishes its requests and sagas, closes mounted
// applications, and last what all of them need.
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import type { Counter } from '../memory/metrics/recorder.js';
import { closeServer, endUnfinished, untilNoConnection } from './drain.js';
import type { Host } from './host.js';
import type { StallHandler } from './stall-handler.js';
import type { WorkerChannels } from './worker-channels.js';
import type { WorkerServer } from './worker-server.js';

/**
 * Sagas stop this long before the end of a drain, so that clients that wait for a saga still get their
 * responses.
 */
const RESPONSE_MS = 500;
/**
 * Connections that idle take all the time of a drain. Where mounted applications have something to close,
 * this much of it is kept for them, but at most a quarter.
 */
const CLOSE_MS = 1_000;

/** What waits in the queue of the listener is accepted for this part of a drain, and no longer than this. */
const ACCEPTING_PART = 5;
const MOST_ACCEPTING_MS = 2_000;

export interface DrainedWorker {
  readonly host: Host;
  readonly server: WorkerServer;
  readonly stalls: StallHandler;
  readonly channels: WorkerChannels;
  readonly log: Logger;
  /** Counts the connections that are closed at the end of a drain. */
  readonly closedConnections: Counter;
  /** Called once no new connection can arrive: from then on responses carry `Connection: close`. */
  readonly startedLeaving: () => void;
}

export async function drainWorker(worker: DrainedWorker, withinMs: number): Promise<void> {
  const { host, server, channels, startedLeaving } = worker;
  const { applications } = host.app;
  const closeMs = applications.haveToClose ? Math.min(CLOSE_MS, withinMs / 4) : 0;
  const whole = new Allowance(withinMs);
  await server.stopListening(Math.min(MOST_ACCEPTING_MS, withinMs / ACCEPTING_PART));
  startedLeaving();
  const requestsMs = Math.max(0, whole.leftMs - closeMs);
  const leastMs = server.sayGoodbye();
  // The acceptor sends this worker no sockets by now. Its own sockets close before its databases do, so that
  // no request arrives and finds them closed.
  const closed = finishRequests(worker, requestsMs, leastMs);
  const sagasMs = Math.max(0, requestsMs - RESPONSE_MS);
  await Promise.all([
    closed,
    // CPU tasks that were started outside of a request are not part of the others.
    host.cpuTasksSettled(requestsMs),
    ...host.services.map((service) => service.drain(sagasMs, closed)),
  ]);
  whole.cancel();
  // Their hooks may still call services, and use databases of theirs.
  await applications.close(Math.max(closeMs, whole.leftMs));
  channels.calls.close();
  await host.close();
  channels.bus.close();
  channels.mail.close();
}

async function finishRequests(
  { host, server, stalls, log, closedConnections }: DrainedWorker,
  withinMs: number,
  leastMs: number,
): Promise<void> {
  const { app } = host;
  await untilNoConnection(
    () => ({ inFlight: app.inFlight + server.unfinished, connections: server.connections }),
    withinMs,
    leastMs,
  );
  stalls.respond();
  await endUnfinished(app, log);
  closeServer(server, closedConnections, log);
}
