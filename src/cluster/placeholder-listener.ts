// The contract of the primary's own listener on the data plane, which rejects requests with 503 NO_WORKER
// while no worker listens. There are two implementations: on uWebSockets.js (uws-placeholder.ts), which can
// also hand accepted sockets to workers, and on `node:http` (node-placeholder.ts). A process loads one.
import type { Settings } from '../config.js';
import { StartError, UnavailableError } from '../errors.js';
import type { Connections } from '../memory/open-connections.js';
import { problemOf } from '../problem.js';
import { parseTraceparent } from '../telemetry/propagation.js';
import { requestIdOf } from '../telemetry/request-ids.js';
import type { TraceIds } from '../telemetry/trace-ids.js';
import { type ListenAttempt, listenFailure } from './listen-failure.js';

/** Whether other listeners with SO_REUSEPORT may use the same port. */
export type ListenMode = 'shared' | 'exclusive';

export type PlaceholderOptions = Pick<Settings, 'host' | 'tlsCertFile' | 'tlsKeyFile'>;

export interface CountedPlaceholderOptions extends PlaceholderOptions {
  /**
   * The connections of the process, which have a bound. Only the listener on `node:http` counts its own: the
   * other core does not report them.
   */
  readonly connections: Pick<Connections, 'enter' | 'leave'>;
}

export interface PlaceholderListener {
  /**
   * @param port 0: any free port, always exclusive
   * @returns the port
   * @throws StartError when the address cannot be listened on
   */
  listen(port: number, mode: ListenMode): number | Promise<number>;
  /**
   * Listens on a port that the workers are to share. A shared listener is never refused, so an exclusive one
   * checks first that no other process listens.
   * @returns the port, on which other listeners are possible from now on
   * @throws StartError when the address cannot be listened on
   */
  reserve(port: number): number | Promise<number>;
  stopListening(): void;
  close(): void;
}

export function cannotListen(attempt: ListenAttempt): StartError {
  const { host, port, cause } = attempt;
  const what = `cannot listen on ${host}:${port} (data plane; HOST, PORT): ${listenFailure(attempt)}`;
  return new StartError(what, { cause });
}

const NO_WORKER = new UnavailableError('NO_WORKER', 'No worker is serving right now.');

/** The response to every request. @param field returns a header field of the request */
export function noWorker(
  field: (name: 'x-request-id' | 'traceparent') => string,
  traceIds: TraceIds,
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const requestId = requestIdOf(field('x-request-id'));
  const traceId = parseTraceparent(field('traceparent'))?.traceId ?? traceIds.traceId();
  const { headers, body } = problemOf(NO_WORKER, { requestId, traceId, executed: false });
  return { headers: { 'x-request-id': requestId, ...headers }, body };
}
