// A socket that says by answering that somebody is there, and by refusing that nobody is any more.
import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { withSocketPath } from '../unix-socket.js';

const ATTEMPTS = 3;

/**
 * Listens before it has the name that others look for, so that one which refuses has nobody any more.
 * @param draft how the names begin that it may have before; others may remove those at any time
 * @throws Error on a file system without sockets, such as folders that a virtual machine shares with its host
 */
export async function listenUnderName(folder: string, name: string, draft: string): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const first = `${draft}${randomUUID()}`;
    const server = await withSocketPath(folder, first, listen);
    try {
      await rename(join(folder, first), join(folder, name));
      return server;
    } catch (error) {
      server.close();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** To have been connected to is all that is asked for. */
function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Exclusive: in the cluster mode of pm2 its daemon would listen in our place, and live longer.
    server.listen({ path, exclusive: true }, () => {
      server.removeListener('error', reject).on('error', () => undefined); // no file left for one who connects
      resolve(server.unref());
    });
  });
}
