// An open WebSocket to an endpoint.
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Ws } from './ws.js';

export interface SocketEvents {
  /** @param data in UTF-8 unless it is binary */
  message(data: Uint8Array, isBinary: boolean): void;
  /** The endpoint has taken all that it did not take at once. */
  drained(): void;
  /** Called once. @param code 1005: none; 1006: there was no close frame */
  closed(code: number, reason: string): void;
}

export class UpstreamSocket {
  /** The fields of the response to the handshake. */
  readonly fields: IncomingHttpHeaders;
  readonly #ws: Ws;
  readonly #connection: Socket;
  readonly #hasProtocol: boolean;
  #onClosed: (() => void) | undefined;
  #isClosed = false;

  /** @param connection that of `ws` @param hasProtocol the endpoint has chosen a subprotocol */
  constructor(ws: Ws, connection: Socket, fields: IncomingHttpHeaders, hasProtocol: boolean) {
    this.#ws = ws;
    this.#connection = connection;
    this.#hasProtocol = hasProtocol;
    this.fields = fields;
    ws.on('close', () => {
      this.#isClosed = true;
      this.#onClosed?.();
    });
  }

  /** The subprotocol that the endpoint has chosen; undefined: none. */
  get protocol(): string | undefined {
    return this.#hasProtocol ? this.#ws.protocol : undefined;
  }
  /** Bytes that the endpoint has not taken. */
  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /**
   * @param idleMs milliseconds without a byte of the endpoint, which is sent a ping after half of them, and
   *   is regarded as lost after all of them. Time in which reading is paused does not count.
   */
  serve(events: SocketEvents, idleMs: number): void {
    const idle = watchIdle(this.#ws, this.#connection, idleMs / 2);
    this.#ws.on('message', (data, isBinary) => events.message(data, isBinary));
    this.#connection.on('drain', () => events.drained());
    this.#ws.on('close', (code, reason) => {
      clearInterval(idle);
      events.closed(code, reason.toString());
    });
  }

  /** @param listener called once, when the connection is closed; at once if it is */
  onClosed(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#onClosed = listener;
  }

  send(data: string | Uint8Array): void {
    this.#ws.send(data);
  }
  pause(): void {
    this.#ws.pause();
  }
  resume(): void {
    this.#ws.resume();
  }
  close(code: number | undefined, reason: string): void {
    this.#ws.resume(); // the close frame of the endpoint has to be read
    this.#ws.close(code, code === undefined ? undefined : reason);
  }
  terminate(): void {
    this.#ws.terminate();
  }
}

/** Ends a socket whose endpoint sends nothing for two periods, not even the response to a ping. */
function watchIdle(ws: Ws, connection: Socket, periodMs: number): NodeJS.Timeout {
  let seen = -1;
  let isAsked = false;
  const look = (): void => {
    const { bytesRead } = connection;
    const isIdle = bytesRead === seen && !ws.isPaused;
    seen = bytesRead;
    if (isIdle && isAsked) ws.terminate();
    else if (isIdle) ws.ping();
    isAsked = isIdle;
  };
  return setInterval(look, periodMs).unref();
}
