// A TCP proxy on loopback that delays data in both directions, as a network does. Data that is under
// way when one side closes is therefore lost, as it would be on a network.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from './random.js';

/** The longest delay of one piece of data, an end or a reset, in one direction. */
const MOST_MS = 25;

export interface DelayingProxy {
  /** The URL of the target with the port of the proxy. */
  readonly url: string;
  /** Resolves when the listener and all connections are closed. */
  close(): Promise<void>;
}

/**
 * Starts a proxy in front of `target`. It refuses connections once the target has refused one.
 * @param seed of the delays, 0 to 25 ms each
 */
export async function delayingProxy(target: string, seed: number): Promise<DelayingProxy> {
  const random = seeded(seed);
  const delay = (): Promise<void> => sleep(random() * MOST_MS);
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined); // `carry` sees it as well
    }
    upstream.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') server.close();
    });
    void carry(client, upstream, delay);
    void carry(upstream, client, delay);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.origin,
    async close() {
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Forwards the data of `from` in order, and then its end or its reset. */
async function carry(from: Socket, to: Socket, delay: () => Promise<void>): Promise<void> {
  try {
    // The socket is not destroyed at its end: the other direction may go on.
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      await delay();
      if (to.writable) to.write(chunk as Buffer);
    }
    await delay();
    to.end();
  } catch {
    await delay();
    to.destroy();
  }
}
