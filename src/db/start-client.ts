// Connections that are made while the process starts: a failure of one is a fault of a setting.
// A server may go quiet at any moment, so everything here has a limit: log-in, statements and goodbye.
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type Connecting, connectFailure } from './connect-failure.js';
import { driver } from './driver.js';

const CONNECT_TIMEOUT_MS = 5_000;
const RESPONSE_TIMEOUT_MS = 10_000;
/** How long a server may take to close its side. */
const FAREWELL_MS = 1_000;
/** After so long without traffic the operating system asks whether the other side still lives. */
const KEEP_ALIVE_MS = 10_000;

export interface StartClientOptions extends Pick<pg.ClientConfig, 'application_name'> {
  /** @default 5000 */
  readonly connectionTimeoutMillis?: number;
  /**
   * Limit of each statement, ms; 0: none, then `work` has to find out itself that the server is silent.
   * @default 10000
   */
  readonly query_timeout?: number;
  /** The connection broke; the statement under way, or the next one, fails. */
  readonly onLost?: (error: Error) => void;
}

/** Breaks the connection: the statement under way fails with `reason`. */
export type Cut = (reason: Error) => void;

/**
 * Connects, does the work and disconnects.
 * @throws StartError when there is no connection, when it is lost, or when a response is overdue; what `work`
 *   throws
 */
export async function withStartClient<T>(
  connecting: Connecting,
  url: string,
  { onLost = () => undefined, ...config }: StartClientOptions,
  work: (client: pg.Client, cut: Cut) => Promise<T>,
): Promise<T> {
  let client: pg.Client;
  let lost: Error | undefined;
  const socket = new Socket();
  try {
    // Made here: the certificates that the URL names are read at once.
    client = new (driver().Client)({
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: RESPONSE_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      ...config,
      connectionString: url,
      stream: () => socket,
    });
    client.on('error', (error) => {
      lost = error;
      onLost(error);
    });
    await client.connect();
  } catch (error) {
    throw connectFailure(connecting, url, error);
  }
  try {
    return await work(client, (reason) => socket.destroy(reason));
  } catch (error) {
    if (isOverdue(error)) throw connectFailure(connecting, url, noResponse(error));
    throw error === lost ? connectFailure(connecting, url, error) : error;
  } finally {
    await Promise.race([client.end(), delay(FAREWELL_MS, undefined, { ref: false })]);
    socket.destroy();
  }
}

/** The driver has no code for it. */
function isOverdue(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

function noResponse(cause: unknown): Error {
  return new Error('timeout: it accepted the connection, then sent no response', { cause });
}
