// Whether several threads can listen on one port. Linux spreads connections over such listeners
// (SO_REUSEPORT); other systems that accept the option give them to one. Old versions of Node.js ignore it.
// So it is tried.
import { createServer, type Server } from 'node:net';
import { StartError } from '../errors.js';
import { type ListenAddress, listenAt } from '../node-http.js';
import { listenFailure } from './listen-failure.js';

const HOST = '127.0.0.1';

/** What says nothing about the port: the start would fail of it as well. */
const OTHER_REASONS: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']);

/**
 * Opens two listeners on one port of the loopback interface for a moment.
 * @throws StartError for a lack of files or memory, which does not answer the question
 */
export async function sharesPort(
  platform: NodeJS.Platform = process.platform,
  listen: (server: Server, address: ListenAddress) => Promise<number> = listenAt,
): Promise<boolean> {
  if (platform !== 'linux') return false;
  const servers: Server[] = [];
  let port = 0;
  try {
    for (let listeners = 0; listeners < 2; listeners += 1) {
      const server = createServer((socket) => socket.destroy());
      servers.push(server);
      port = await listen(server, { host: HOST, port, isShared: true });
    }
    return true;
  } catch (cause) {
    // An old version of Node.js ignores the option, and the second listener fails.
    if (!OTHER_REASONS.has((cause as NodeJS.ErrnoException).code)) return false;
    const why = listenFailure({ host: HOST, port, cause });
    throw new StartError(`cannot find out whether threads can share a port (${HOST}:${port}): ${why}`, {
      cause,
    });
  } finally {
    for (const server of servers) server.close();
  }
}
