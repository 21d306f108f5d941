// Ports of servers that are other programs.
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that Linux gives to clients and to servers that name none: one of those can take a port
// between its choice here and the start of the program.
const FIRST = 20_000;
const COUNT = 12_000;

let last = Math.floor(Math.random() * COUNT);

/** @returns a port on which nothing listens now; never the same one twice in a row */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    last = (last + 1) % COUNT;
    const port = FIRST + last;
    if (await isFree(port)) return port;
  }
  throw new Error(`every port from ${FIRST} to ${FIRST + COUNT - 1} is in use`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
