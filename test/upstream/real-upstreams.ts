// Servers on free ports, as endpoints of tests, which end with all of their connections.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';

export class RealUpstreams {
  readonly #servers: (Server | TcpServer)[] = [];
  readonly sockets = new Set<Socket>();

  /** @returns its port */
  async listen(server: Server | TcpServer): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket)).on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  serve(listener: RequestListener): Promise<number> {
    return this.listen(createServer(listener));
  }

  /** @param onData called for each piece of data that has arrived */
  serveRaw(onData: (socket: Socket) => void): Promise<number> {
    return this.listen(createTcpServer((socket) => socket.on('data', () => onData(socket))));
  }

  /** The server that was started last. */
  get last(): Server | TcpServer {
    return this.#servers.at(-1)!;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(
      this.#servers.splice(0).map((server) => {
        server.close();
        return once(server, 'close');
      }),
    );
  }
}
