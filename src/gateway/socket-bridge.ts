// WebSockets through the gateway: a socket of the client and one to an instance, and what one receives is
// sent on the other. Messages and close codes are passed on; pings are answered on either side. Reading from
// the instance stops while the client does not take what was read. The core cannot stop reading from a
// client, so a client whose messages the instance does not take is disconnected.
import { HttpError } from '../errors.js';
import { SENT, type Sent, type WebSocketOptions } from '../server/handler.js';
import type { RequestContext } from '../server/request-context.js';
import { isToken } from '../server/response/token.js';
import { checkHandshake } from '../server/websocket/handshake.js';
import type { ServerWebSocket } from '../server/websocket/websocket.js';
import { callSocket, type SocketRefusal } from '../upstream/socket-call.js';
import type { StreamCall, StreamCallDependencies, StreamCallOptions } from '../upstream/stream-call.js';
import type { UpstreamSocket } from '../upstream/upstream-socket.js';
import { responseFields } from './passed-fields.js';

/** Reading from the instance stops while more bytes than these wait for the client. */
const HIGH_WATER_BYTES = 64 * 1024;
/** Bytes beyond one message that may wait for a side that reads slowly. */
const BUFFERED_BYTES = 1024 * 1024;
const [NORMAL, NO_CODE, NO_CLOSE_FRAME, TRY_AGAIN_LATER, BAD_GATEWAY] = [
  1000, 1005, 1006, 1013, 1014,
] as const;

class SocketBridge {
  readonly #upstream: UpstreamSocket;
  readonly #mostBuffered: number;
  #isPaused = true;

  /** @param upstream paused */
  constructor(upstream: UpstreamSocket, maxMessageBytes: number) {
    this.#upstream = upstream;
    this.#mostBuffered = maxMessageBytes + BUFFERED_BYTES;
  }

  opened(client: ServerWebSocket): void {
    this.#upstream.serve({
      message: (data, isBinary) => this.#received(client, data, isBinary),
      closed: (code, reason) => this.#left(client, code, reason),
    });
    this.#resume();
  }

  #received(client: ServerWebSocket, data: Uint8Array, isBinary: boolean): void {
    client.send(
      isBinary ? data : Buffer.from(data.buffer, data.byteOffset, data.length).toString(),
      isBinary,
    );
    if (client.bufferedBytes <= HIGH_WATER_BYTES || this.#isPaused) return;
    this.#isPaused = true;
    this.#upstream.pause();
  }

  drained(client: ServerWebSocket): void {
    if (this.#isPaused && client.bufferedBytes === 0) this.#resume();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#upstream.resume();
  }

  sent(client: ServerWebSocket, data: string | Uint8Array): void {
    this.#upstream.send(data);
    if (this.#upstream.bufferedBytes <= this.#mostBuffered) return;
    // It would not read a close frame either.
    this.#upstream.terminate();
    client.close(TRY_AGAIN_LATER, 'the service reads too slowly');
  }

  #left(client: ServerWebSocket, code: number, reason: string): void {
    if (code === NO_CLOSE_FRAME) client.close(BAD_GATEWAY, 'the service closed the connection');
    else if (code === NO_CODE) client.close(NORMAL);
    else client.close(code, reason);
  }

  clientLeft(code: number, reason: string): void {
    if (code === NO_CLOSE_FRAME) this.#upstream.terminate();
    else this.#upstream.close(code === NO_CODE ? undefined : code, reason);
  }
}

/** The callbacks of the sockets of clients, each with its bridge as its data. */
export function bridgeEvents(maxMessageBytes: number): WebSocketOptions<never> {
  const events: WebSocketOptions<SocketBridge> = {
    maxPayload: maxMessageBytes,
    maxBackpressure: maxMessageBytes + BUFFERED_BYTES,
    origins: '*',
    open: (client) => client.data.opened(client),
    message: (client, data) => client.data.sent(client, data),
    drain: (client) => client.data.drained(client),
    close: (client, code, reason) => client.data.clientLeft(code, reason),
  };
  return events as unknown as WebSocketOptions<never>;
}

/** Opens a socket to an instance, and then that of the client, with the subprotocol of the instance. */
export async function openBridge(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  options: StreamCallOptions,
  ctx: RequestContext,
  maxMessageBytes: number,
): Promise<Sent> {
  checkHandshake(ctx, { origins: '*' });
  const protocols = ctx.headers.getAll('sec-websocket-protocol').join(', ');
  checkProtocols(protocols);
  const result = await callSocket(dependencies, call, options, { protocols, maxMessageBytes });
  if ('received' in result) {
    result.commit?.();
    return SENT;
  }
  if ('body' in result) return refused(ctx, result);
  const { socket } = result;
  if (ctx.isAborted || ctx.exchange.closed) {
    socket.terminate();
    return SENT;
  }
  ctx.response.fields.passOn(
    responseFields(socket.fields).filter((_, i, all) => !isOfHandshake(all[i - (i % 2)]!)),
  );
  ctx.upgrade(ctx.plan.webSocket!, socket.protocol, new SocketBridge(socket, maxMessageBytes));
  return SENT;
}

/** @throws HttpError MALFORMED_REQUEST for what is no list of different names (RFC 6455 section 4.1) */
function checkProtocols(protocols: string): void {
  if (protocols === '') return;
  const names = protocols.split(',').map((name) => name.trim());
  if (names.every(isToken) && new Set(names).size === names.length) return;
  throw new HttpError('MALFORMED_REQUEST', 'Sec-WebSocket-Protocol is not a list of different names.');
}

/** The fields of the handshake are those of one connection. */
const isOfHandshake = (name: string): boolean => name.startsWith('sec-websocket-');

/** The instance has responded in place of opening a socket. */
function refused(ctx: RequestContext, { status, fields, body }: SocketRefusal): Sent {
  ctx.response.fields.passOn(responseFields(fields));
  return ctx.response.reply(status, undefined, body);
}
