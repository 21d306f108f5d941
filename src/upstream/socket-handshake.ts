// The handshake of a WebSocket with an endpoint, on a connection of its own.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { AbortListener, AbortSource } from '../abort-source.js';
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { httpFailure } from './http-failure.js';
import { faultError, limitInterim, responseFault } from './response-fault.js';
import { HandshakeError } from './transport-errors.js';
import { UpstreamSocket } from './upstream-socket.js';
import { loadWs, type Ws } from './ws.js';

export interface SocketRequest {
  /** Path with its query. */
  readonly path: string;
  /** A flat list: name, value, name, value… */
  readonly headers: readonly string[];
  /** The subprotocols that are offered, as in `Sec-WebSocket-Protocol`; empty: none. */
  readonly protocols: string;
  /** Largest message that is accepted, in bytes; the connection is closed with 1009 for a larger one. */
  readonly maxMessageBytes: number;
  /** Ends the handshake. An open socket does not depend on it. */
  readonly abort: AbortSource;
}

/** A response to the handshake other than 101. */
export interface SocketRefusal {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** The longest body of a refusal that is passed on. */
const REFUSAL_BYTES = 64 * 1024;
/** A refusal that has not ended after this time, in milliseconds, is not waited for. */
const REFUSAL_MS = 1_000;

/**
 * Opens a WebSocket, which is paused.
 * @throws HttpError BAD_UPSTREAM, OVERLOADED, MALFORMED_REQUEST; the reason of the abort
 */
export function openSocket(
  endpoint: Endpoint,
  request: SocketRequest,
): Promise<UpstreamSocket | SocketRefusal> {
  return new Promise((resolve, reject) => {
    const { abort } = request;
    if (abort.aborted) throw abort.reason;
    const handshake = new Handshake(endpoint, request, resolve, reject);
    try {
      handshake.begin();
    } catch (error) {
      throw httpFailure(endpoint, error);
    }
  });
}

class Handshake implements AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #endpoint: Endpoint;
  readonly #request: SocketRequest;
  readonly #resolve: (result: UpstreamSocket | SocketRefusal) => void;
  readonly #reject: (reason: unknown) => void;
  #ws: Ws | undefined;
  /** Those of the response; undefined before it has come. */
  #fields: IncomingHttpHeaders | undefined;
  #connection: Socket | undefined;
  #hasProtocol = false;
  #refusalTimer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    endpoint: Endpoint,
    request: SocketRequest,
    resolve: (result: UpstreamSocket | SocketRefusal) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#endpoint = endpoint;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** @throws OutOfFilesError, and errors for fields that cannot be sent */
  begin(): void {
    const { path, headers, protocols, maxMessageBytes, abort } = this.#request;
    const url = originOf(this.#endpoint).replace(/^http/, 'ws');
    const offered = protocols === '' ? [] : protocols.split(',').map((name) => name.trim());
    const endpoint = this.#endpoint;
    const Client = loadWs();
    const ws = new Client(url, offered, {
      headers: recordOf(headers),
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      followRedirects: false,
      finishRequest(request) {
        limitInterim(request, (fault) => faultError(endpoint, fault));
        request.path = path; // as it is: a URL would be rewritten
        request.end();
      },
    });
    this.#ws = ws;
    ws.on('upgrade', ({ headers: fields, socket }) => {
      this.#connection = socket;
      this.#fields = { ...fields };
      this.#hasProtocol = fields['sec-websocket-protocol'] !== undefined;
      // An endpoint may choose none of those that are offered (RFC 6455 section 4.2.2), which ws does not
      // admit.
      if (offered.length > 0 && !this.#hasProtocol) fields['sec-websocket-protocol'] = offered[0]!;
    });
    ws.on('open', () => this.#opened(ws));
    ws.on('unexpected-response', (_request, response) => this.#refused(response));
    ws.on('error', (error) => {
      if (this.#fields === undefined) this.#failed(httpFailure(this.#endpoint, error));
      else this.#failed(new HandshakeError(this.#endpoint, 'did not open the WebSocket', error));
    });
    abort.listen(this);
  }

  onAbort(reason: unknown): void {
    this.#isOver = true;
    clearTimeout(this.#refusalTimer);
    this.#reject(reason);
    this.#ws?.terminate();
  }

  #opened(ws: Ws): void {
    if (!this.#end()) return;
    ws.pause();
    this.#resolve(new UpstreamSocket(ws, this.#connection!, this.#fields!, this.#hasProtocol));
  }

  #failed(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  #refused(response: IncomingMessage): void {
    const { statusCode: status = 0, headers: fields } = response;
    this.#fields = fields;
    const fault = responseFault(status, fields);
    if (fault !== undefined) {
      this.#broken(fault);
      return;
    }
    const late = (): void => this.#broken('sent a refusal that does not end');
    this.#refusalTimer = setTimeout(late, REFUSAL_MS).unref();
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= REFUSAL_BYTES) chunks.push(chunk);
      else this.#broken('sent a longer refusal than is accepted');
    });
    response.on('end', () => {
      if (!response.complete || !this.#end()) return;
      this.#resolve({ status, fields, body: Buffer.concat(chunks) });
      this.#ws?.terminate();
    });
    response.on('error', (error) =>
      this.#failed(new HandshakeError(this.#endpoint, 'broke its refusal off', error)),
    );
  }

  #broken(symptom: string): void {
    this.#failed(new HandshakeError(this.#endpoint, symptom));
    this.#ws?.terminate();
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#refusalTimer);
    this.#request.abort.unlisten(this);
    return true;
  }
}

function recordOf(fields: readonly string[]): Record<string, string | string[]> {
  const record = Object.create(null) as Record<string, string | string[]>;
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i]!, fields[i + 1]!];
    const known = record[name];
    record[name] = known === undefined ? value : [known, value].flat();
  }
  return record;
}
