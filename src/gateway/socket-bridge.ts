// WebSockets through the gateway: a socket of the client and one to an instance, and what one receives is
// sent on the other. Messages and close codes are passed on; pings are answered on either side. Reading from
// the instance stops while the client does not take what was read. The core cannot stop reading from a
// client, so a client whose messages the instance does not take is disconnected.
import { HttpError, isGatewayFailure } from '../errors.js';
import { BodyClaim } from '../server/body/body-claim.js';
import { SENT, type Sent, type WebSocketOptions } from '../server/handler.js';
import type { RequestContext } from '../server/request-context.js';
import { isToken } from '../server/response/token.js';
import { checkHandshake } from '../server/websocket/handshake.js';
import type { ServerWebSocket } from '../server/websocket/websocket.js';
import { refuseWhileDraining } from '../server/websocket/websocket-route.js';
import { callSocket, type SocketRefusal } from '../upstream/socket-call.js';
import type { StreamCall, StreamCallDependencies, StreamCallOptions } from '../upstream/stream-call.js';
import type { SocketEvents, UpstreamSocket } from '../upstream/upstream-socket.js';
import { responseFields } from './passed-fields.js';

/**
 * Reading from the instance stops while more bytes than these wait for the client. More bytes than these that
 * wait for the instance count as a body of the client.
 */
const HIGH_WATER_BYTES = 64 * 1024;
/** Bytes beyond one message that may wait for a side that reads slowly. */
const BUFFERED_BYTES = 1024 * 1024;
/** A side that sends nothing for this time, not even the response to a ping, is lost. */
const IDLE_MS = 60_000;
const [NORMAL, GOING_AWAY, NO_CODE, NO_CLOSE_FRAME, TRY_AGAIN_LATER, BAD_GATEWAY] = [
  1000, 1001, 1005, 1006, 1013, 1014,
] as const;

class SocketBridge {
  readonly #upstream: UpstreamSocket;
  readonly #mostBuffered: number;
  /** The bytes that wait for the instance. */
  readonly #claim: BodyClaim;
  #claimedBytes = 0;
  #isPaused = true;

  /** @param upstream paused @param claim that of the client */
  constructor(upstream: UpstreamSocket, maxMessageBytes: number, claim: BodyClaim) {
    this.#upstream = upstream;
    this.#claim = claim;
    this.#mostBuffered = maxMessageBytes + BUFFERED_BYTES;
  }

  opened(client: ServerWebSocket): void {
    const events: SocketEvents = {
      message: (data, isBinary) => this.#received(client, data, isBinary),
      drained: () => this.#release(),
      closed: (code, reason) => this.#left(client, code, reason),
    };
    this.#upstream.serve(events, IDLE_MS);
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
    const { bufferedBytes } = this.#upstream;
    if (bufferedBytes <= HIGH_WATER_BYTES) return;
    if (bufferedBytes <= this.#mostBuffered && this.#holds(bufferedBytes)) return;
    // It would not read a close frame either.
    this.#upstream.terminate();
    client.close(TRY_AGAIN_LATER, 'the service reads too slowly');
  }

  /** Claims as many bytes of the memory that bodies may take. @returns false when it has too few */
  #holds(bytes: number): boolean {
    const more = bytes - this.#claimedBytes;
    if (more <= 0) return true;
    if (!this.#claim.grow(more)) return false;
    this.#claimedBytes = bytes;
    return true;
  }

  #release(): void {
    this.#claim.releaseBytes();
    this.#claimedBytes = 0;
  }

  #left(client: ServerWebSocket, code: number, reason: string): void {
    this.#release();
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
    idleTimeoutMs: IDLE_MS,
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
  refuseWhileDraining(ctx);
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
  if (ctx.server.draining()) socket.close(GOING_AWAY, '');
  refuseWhileDraining(ctx);
  ctx.response.fields.passOn(
    responseFields(socket.fields).filter((_, i, all) => !isOfHandshake(all[i - (i % 2)]!)),
  );
  const { addressKey } = ctx.request;
  const claim = new BodyClaim(ctx.server.quotas, () => addressKey);
  ctx.upgrade(ctx.plan.webSocket!, socket.protocol, new SocketBridge(socket, maxMessageBytes, claim));
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
  if (isGatewayFailure(status)) ctx.callFailed();
  ctx.response.fields.passOn(responseFields(fields));
  return ctx.response.reply(status, undefined, body);
}
