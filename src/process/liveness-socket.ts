// A Unix socket that shows that a process lives: the kernel accepts connections to it as long as a process
// has it open, and refuses them afterwards. Nothing is ever sent over it.
import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { withSocketPath } from '../unix-socket.js';

const ATTEMPTS = 3;

/**
 * Listens at `folder/name`. The socket listens before it gets that name, so a process that finds the name and
 * is refused knows that the process has ended.
 * @param draftPrefix beginning of its first, random name; a file with such a name may be removed by other
 *   processes at any time
 * @throws Error on a file system without sockets, such as folders that a virtual machine shares with its host
 */
export async function listenUnderName(folder: string, name: string, draftPrefix: string): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const draft = `${draftPrefix}${randomUUID()}`;
    const server = await withSocketPath(folder, draft, listen);
    try {
      await rename(join(folder, draft), join(folder, name));
      return server;
    } catch (error) {
      server.close();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * Listens and closes every connection at once: having been connected is all that the other side wants to
 * know.
 */
function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Exclusive: in the cluster mode of pm2 its daemon would otherwise listen instead of us, and live longer.
    server.listen({ path, exclusive: true }, () => {
      // A later error means that there was no file descriptor for a connection, which does no harm here.
      server.removeListener('error', reject).on('error', () => undefined);
      resolve(server.unref());
    });
  });
}
