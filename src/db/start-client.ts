// Connections that are made while the process starts: a failure of one is a fault of a setting.
// A server may go quiet at any moment, so everything here has a limit: log-in, statements and goodbye.
import { type Connecting, connectFailure } from './connect-failure.js';
import { LimitedClient, type LimitedClientOptions } from './limited-client.js';

/**
 * Connects, does the work and disconnects.
 * @throws StartError when there is no connection, when it is lost, or when a response is overdue; what `work`
 *   throws
 */
export async function withStartClient<T>(
  connecting: Connecting,
  url: string,
  options: LimitedClientOptions,
  work: (client: LimitedClient) => Promise<T>,
): Promise<T> {
  let client: LimitedClient;
  try {
    client = new LimitedClient(url, options);
    await client.connect();
  } catch (error) {
    throw connectFailure(connecting, url, error);
  }
  try {
    return await work(client);
  } catch (error) {
    throw error === client.lost ? connectFailure(connecting, url, error) : error;
  } finally {
    await client.end();
  }
}
