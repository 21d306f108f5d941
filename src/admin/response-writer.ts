// Writes the responses of the admin plane: those of handlers, problem documents and event streams. The last
// response of a connection has `Connection: close`. The bytes of large responses are counted until their
// clients have read them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { UnavailableError } from '../errors.js';
import { type FailedRequest, problemOf } from '../problem.js';
import type { AdminConnections } from './admin-connections.js';
import { type AdminResponse, JSON_UTF8 } from './admin-route.js';
import type { ClientInput } from './client-input.js';
import { EventStream } from './event-stream.js';
import { sendBody } from './send-body.js';

export interface ResponseWriterOptions {
  readonly connections: AdminConnections;
  /** What the client of each connection sends. */
  readonly inputs: WeakMap<Duplex, ClientInput>;
  /** A client that reads nothing of its response for this many milliseconds is disconnected. */
  readonly sendMs: number;
  /** The same for an event stream of which something waits to be read. */
  readonly streamMs: number;
}

/** A response with more bytes than this counts against the bytes that clients may leave unread. */
const LARGE_BYTES = 64 * 1024;

export class ResponseWriter {
  readonly #options: ResponseWriterOptions;
  readonly #streams = new Set<EventStream>();
  #isDraining = false;

  constructor(options: ResponseWriterOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From now on every response closes its connection; event streams end. */
  drain(): void {
    this.#isDraining = true;
    for (const stream of this.#streams) stream.close();
  }

  /** @throws UnavailableError OVERLOADED, before anything is written */
  write(
    request: IncomingMessage,
    response: ServerResponse,
    { status, json, text, bytes, headers = {}, stream, isForProcess = false }: AdminResponse,
  ): void {
    const kind = isForProcess ? 'process' : 'stream';
    if (stream !== undefined && !this.#options.connections.hasRoomFor(kind)) {
      throw new UnavailableError('OVERLOADED', 'Too many event streams are open.');
    }
    const body = bytes ?? bytesOf(json === undefined ? text : JSON.stringify(json));
    if (body !== undefined) this.#countUnread(request, response, body);
    this.#begin(request, response, headers);
    if (stream !== undefined) {
      response.setHeader('content-type', 'text/event-stream; charset=utf-8');
      response.writeHead(status);
      if (request.method === 'HEAD') this.#end(request, response);
      else this.#stream(request, response, kind, stream);
      return;
    }
    if (body === undefined) {
      if (status !== 204 && status !== 304) response.setHeader('content-length', 0);
      response.writeHead(status);
      this.#end(request, response);
      return;
    }
    if (!response.hasHeader('content-type')) {
      const type = json === undefined ? 'text/plain; charset=utf-8' : JSON_UTF8['content-type'];
      response.setHeader('content-type', type);
    }
    this.#send(request, response, status, body);
  }

  /**
   * Writes a problem document. If a response has begun already, nothing can be added to it, so its connection
   * is cut.
   */
  writeProblem(
    request: IncomingMessage,
    response: ServerResponse,
    failed: FailedRequest,
    error: unknown,
  ): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { status, headers, body } = problemOf(error, failed);
    this.#begin(request, response, headers);
    this.#send(request, response, status, Buffer.from(body));
  }

  /** @throws UnavailableError when unread responses leave no room for this one */
  #countUnread({ method, socket }: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { connections } = this.#options;
    if (body.length <= LARGE_BYTES || method === 'HEAD' || response.destroyed) return;
    if (!connections.hold(socket, body)) {
      throw new UnavailableError('OVERLOADED', 'The response is larger than what clients may leave unread.');
    }
    response.once('close', () => connections.release(socket, body));
  }

  /** Writes the header fields. From now on nothing more of the request is read. */
  #begin(
    request: IncomingMessage,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): void {
    const input = this.#options.inputs.get(request.socket)!;
    input.respond();
    const isLast = this.#isDraining || this.#options.connections.isCrowded || input.isUnread;
    if (isLast) response.setHeader('connection', 'close');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  }

  #send(request: IncomingMessage, response: ServerResponse, status: number, body: Buffer): void {
    response.setHeader('content-length', body.length);
    response.writeHead(status);
    this.#end(request, response, body);
  }

  /**
   * Ends the response. The connection waits for its client from now on, which may be slow as long as it goes
   * on reading.
   */
  #end({ method, socket }: IncomingMessage, response: ServerResponse, body?: Buffer): void {
    const { connections, sendMs } = this.#options;
    connections.move(socket, 'client');
    response.setTimeout(sendMs);
    if (body === undefined || method === 'HEAD') response.end();
    else sendBody(response, body);
  }

  #stream(
    { socket }: IncomingMessage,
    response: ServerResponse,
    kind: 'stream' | 'process',
    start: NonNullable<AdminResponse['stream']>,
  ): void {
    // The client may have left while the handler ran. Then no 'close' would follow that ends the stream.
    if (response.destroyed) return;
    const { connections, streamMs } = this.#options;
    connections.move(socket, kind);
    const stream = new EventStream(response, start);
    this.#streams.add(stream);
    response.setTimeout(streamMs, () => stream.stalled());
    response.once('close', () => {
      this.#streams.delete(stream);
      connections.move(socket, 'client');
    });
    if (this.#isDraining) stream.close();
  }
}

const bytesOf = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text);
