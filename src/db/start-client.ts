// Connections that are made while the process starts: a failure of one is a fault of a setting.
import type pg from 'pg';
import { type Connecting, connectFailure } from './connect-failure.js';
import { driver } from './driver.js';

export interface StartClientOptions
  extends Pick<pg.ClientConfig, 'application_name' | 'connectionTimeoutMillis' | 'query_timeout'> {
  /** The connection broke; the statement under way, or the next one, fails. */
  readonly onLost?: (error: Error) => void;
}

/**
 * Connects, does the work and disconnects.
 * @throws StartError when there is no connection; what `work` throws
 */
export async function withStartClient<T>(
  connecting: Connecting,
  url: string,
  { onLost = () => undefined, ...config }: StartClientOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  let client: pg.Client;
  try {
    // Made here: the certificates that the URL names are read at once.
    client = new (driver().Client)({ ...config, connectionString: url });
    client.on('error', onLost);
    await client.connect();
  } catch (error) {
    throw connectFailure(connecting, url, error);
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
