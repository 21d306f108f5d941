// Connections that are made while the process starts. If one fails, a setting is wrong, and the error says
// which. A server may become silent at any moment, so log-in, statements and the end of the session all have
// a limit of time.
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
