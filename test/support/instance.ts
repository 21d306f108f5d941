// An instance of a service outside the cluster: an HTTP server that is registered over the admin plane
// and responds, fails or hangs as its test wants.
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

/** Sends no response. */
export const silent: Behaviour = () => undefined;

/** Cuts the connection instead of a response. */
export const cutting: Behaviour = (request) => request.socket.destroy();

/** A server whose behaviour a test sets. It emits the events that its behaviour emits. */
export class TestInstance extends EventEmitter {
  readonly id: string;
  readonly port: number;
  behave: Behaviour = answering(200);
  /** Requests that have come. */
  received = 0;
  /** Requests whose client has closed before the response. */
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

  /** Starts an instance that is not registered. */
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
