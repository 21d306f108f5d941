// Whether several threads can listen on one port. Linux spreads connections over such listeners
// (SO_REUSEPORT); other systems that accept the option give them to one. Old versions of Node.js ignore it.
// So it is tried.
import { createServer, type Server } from 'node:net';
import { listenAt } from './node-listen.js';

/** Opens two listeners on one port of the loopback interface for a moment. */
export async function sharesPort(platform: NodeJS.Platform = process.platform): Promise<boolean> {
  if (platform !== 'linux') return false;
  const servers: Server[] = [];
  const listen = (port: number): Promise<number> => {
    const server = createServer((socket) => socket.destroy());
    servers.push(server);
    return listenAt(server, { host: '127.0.0.1', port, isShared: true });
  };
  try {
    await listen(await listen(0));
    return true;
  } catch {
    return false;
  } finally {
    for (const server of servers) server.close();
  }
}
