// The contract of WebSocket routes: their options, and the socket that their callbacks get.
import type { TraceContext } from '../../scope.js';
import type { Pattern } from '../routing/pattern.js';
import type { Topics } from './topics.js';

/** The fate of a message: sent, buffered because the client reads slowly, or dropped. */
export type SendResult = 'sent' | 'buffered' | 'dropped';

/**
 * One WebSocket, from `open` until `close` has run. It may be kept longer: once it is closed, sending does
 * nothing.
 * @typeParam D the type of what the route's `upgrade` returns
 * @typeParam Params the parameters of the route's path
 */
export interface ServerWebSocket<D = unknown, Params = Readonly<Record<string, string>>> {
  /** Decoded path parameters (null prototype). */
  readonly params: Params;
  /** The value that the route's `upgrade` returned. */
  readonly data: D;
  /** The subprotocol that the handshake chose. */
  readonly protocol: string | undefined;
  /** The id of the request that opened the socket. */
  readonly requestId: string;
  readonly isOpen: boolean;
  /** Bytes that wait until the client reads them. */
  readonly bufferedBytes: number;
  /** @param isBinary default: bytes are binary, a string is text */
  send(data: string | Uint8Array, isBinary?: boolean): SendResult;
  /** Subscribes to a topic. All WebSocket routes of a service share its topics, on all workers. */
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  isSubscribed(topic: string): boolean;
  /** Publishes to all subscribers on every worker, except this socket. */
  publish(topic: string, data: string | Uint8Array, isBinary?: boolean): void;
  /**
   * Sends a ping, beside those that `idleTimeoutMs` causes.
   * @throws RangeError for more than 125 bytes
   */
  ping(data?: string | Uint8Array): void;
  /**
   * Sends a close frame and closes the connection.
   * @param code 1000 by default
   * @throws RangeError for a code that may not be sent (RFC 6455 section 7.4) or more than 123 bytes of
   *   reason
   */
  close(code?: number, reason?: string): void;
  /** Cuts the connection without a close frame. */
  terminate(): void;
}

/** The callbacks of a route. One that throws or rejects is logged, and its socket is closed with 1011. */
export interface WebSocketEvents<D, Params = Readonly<Record<string, string>>> {
  open?(ws: ServerWebSocket<D, Params>): void | Promise<void>;
  /**
   * Called for every message as it arrives. A promise that it returns does not delay the next message: code
   * that must handle messages one after the other has to queue them.
   * @param data a string for text, or bytes that may be kept
   * @example
   * let previous = Promise.resolve();
   * const message = (ws, data) => (previous = previous.then(() => store(data)));
   */
  message?(
    ws: ServerWebSocket<D, Params>,
    data: string | Uint8Array,
    isBinary: boolean,
  ): void | Promise<void>;
  /** Called when the client has read buffered bytes, all or some of them: see `bufferedBytes`. */
  drain?(ws: ServerWebSocket<D, Params>): void | Promise<void>;
  /**
   * Called once, when the socket is closed.
   * @param code the code of the peer; 1005 for none, and on the core `uws` also for another one than
   *   1000..1003, 1007..1011 and 4000..4999; 1006 when there was no close frame; 1002, 1007, 1008 or 1009
   *   when the server has closed the connection for a fault of the peer
   */
  close?(ws: ServerWebSocket<D, Params>, code: number, reason: string): void | Promise<void>;
}

/** The limits of the connections of one path. */
export interface WebSocketLimits {
  /**
   * Largest message in bytes, before and after inflating.
   * @default 65536
   */
  readonly maxPayload?: number;
  /**
   * Milliseconds after which a client that has sent nothing, not even a pong, is disconnected. It is pinged
   * before. 8,000 to 960,000. The core `uws` rounds up to a multiple of 4 s and disconnects up to 4 s before
   * it; the core `node` rounds up to whole seconds and disconnects up to 1 s after it.
   * @default 60000
   */
  readonly idleTimeoutMs?: number;
  /**
   * Bytes that may wait for a client that reads slowly.
   * @default 1048576
   */
  readonly maxBackpressure?: number;
  /**
   * Beyond `maxBackpressure` the client is disconnected, or the message is dropped.
   * @default `close`
   */
  readonly onBackpressureLimit?: 'close' | 'drop';
  /**
   * Compresses messages of at least 1 KiB by permessage-deflate (RFC 7692), without context take-over.
   * @default false
   */
  readonly perMessageDeflate?: boolean;
  /**
   * The origins whose pages may open the socket, as browsers send them (`https://app.example`), or `*`.
   * Clients without `Origin` are not browsers and are always admitted.
   * @default origins of the same host
   */
  readonly origins?: readonly string[] | '*';
  /**
   * Subprotocols, best first. The first one that the client offers is chosen.
   * @default none
   */
  readonly protocols?: readonly string[];
}

/** The part of a route that the core needs for its sockets. */
export interface SocketRoute {
  readonly pattern: Pattern;
  readonly limits: ResolvedLimits;
  readonly topics: Topics;
  /** Returns the topic with its service, so that other services have topics of their own. */
  topic(name: string): string;
  /** Runs a callback, if the route has it. Never throws. */
  run<K extends keyof WebSocketEvents<unknown>>(
    event: K,
    ws: ServerWebSocket,
    call: (callback: NonNullable<WebSocketEvents<unknown>[K]>) => void | Promise<void>,
  ): void;
  /** Runs the callback for a message, in a trace of its own if that is sampled. Never throws. */
  received(
    ws: ServerWebSocket,
    message: string | Uint8Array,
    isBinary: boolean,
    openedBy: TraceContext,
  ): void;
}

/** The limits of a route, with the defaults. */
export type ResolvedLimits = Required<WebSocketLimits>;
