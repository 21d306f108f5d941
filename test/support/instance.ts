// An instance of a service as a stranger would run it: a server of its own, registered over the admin plane,
// that answers, fails and hangs as it is told.
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, put } from './client.js';

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export const answering =
  (status: number): Behaviour =>
  (_request, response) => {
    response.statusCode = status;
    response.end();
  };

/** Never answers. */
export const silent: Behaviour = () => undefined;

/** Cuts the connection instead of an answer. */
export const cutting: Behaviour = (request) => request.socket.destroy();

/** Emits what its behaviour makes it emit. */
export class TestInstance extends EventEmitter {
  readonly id: string;
  readonly port: number;
  behave: Behaviour = answering(200);
  /** Requests that came. */
  received = 0;
  /** Those whose client has left before the answer. */
  abandoned = 0;
  readonly #server: Server;

  private constructor(id: string, server: Server) {
    super();
    this.id = id;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.received++;
      response.setHeader('x-instance', id);
      response.on('close', () => {
        if (!response.writableEnded) this.abandoned++;
      });
      this.behave(request, response);
    });
  }

  /** An instance that is not registered. */
  static async listen(id: string): Promise<TestInstance> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TestInstance(id, server);
  }

  static async start(adminUrl: string, service: string, id: string): Promise<TestInstance> {
    const instance = await TestInstance.listen(id);
    const registration = { host: '127.0.0.1', port: instance.port, ttlSeconds: 3600 };
    await json(await put(`${adminUrl}/registry/v1/services/${service}/instances/${id}`, registration), 201);
    return instance;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
