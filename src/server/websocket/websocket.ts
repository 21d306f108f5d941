// The contract of WebSocket routes: what a route may say, and what its callbacks get in hand.
import { isToken } from '../response/token.js';
import type { Pattern } from '../routing/pattern.js';
import type { Topics } from './topics.js';

/** What became of a message: on its way, held back by a client that reads slowly, or given up. */
export type SendResult = 'sent' | 'buffered' | 'dropped';

/**
 * One open WebSocket, from `open` until `close` has run. It may be kept: once it is closed, sending does
 * nothing.
 * @typeParam D what the route's `upgrade` returned
 */
export interface ServerWebSocket<D = unknown> {
  /** Decoded path parameters (null prototype). */
  readonly params: Readonly<Record<string, string>>;
  readonly data: D;
  /** The subprotocol that was agreed on. */
  readonly protocol: string | undefined;
  /** Of the request that opened it. */
  readonly requestId: string;
  readonly isOpen: boolean;
  /** Bytes that wait for the client to read. */
  readonly bufferedBytes: number;
  /** @param isBinary default: bytes are binary, a string is text */
  send(data: string | Uint8Array, isBinary?: boolean): SendResult;
  /** Topics are the service's: all its WebSocket routes, on all workers, share them. */
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  isSubscribed(topic: string): boolean;
  /** To all subscribers on every worker but this socket. */
  publish(topic: string, data: string | Uint8Array, isBinary?: boolean): void;
  /** Beside those that `idleTimeoutMs` sends by itself. @throws RangeError for more than 125 bytes */
  ping(data?: string | Uint8Array): void;
  /**
   * Says goodbye and closes; default 1000.
   * @throws RangeError for a code that may not be sent (RFC 6455 section 7.4) or more than 123 bytes of
   *   reason
   */
  close(code?: number, reason?: string): void;
  /** Cuts the connection without a word. */
  terminate(): void;
}

/** A callback that throws or rejects is logged and closes its socket with 1011. */
export interface WebSocketEvents<D> {
  open?(ws: ServerWebSocket<D>): void | Promise<void>;
  /**
   * A message that must wait for another one's promise has to be queued by you: they are handed over as they
   * come.
   * @param data text is a string, binary is bytes that may be kept
   */
  message?(ws: ServerWebSocket<D>, data: string | Uint8Array, isBinary: boolean): void | Promise<void>;
  /** What was held back has been taken, in part or whole: see `bufferedBytes`. */
  drain?(ws: ServerWebSocket<D>): void | Promise<void>;
  /**
   * @param code 1005 when the peer named none that the core passes on (1000..1003, 1007..1011 and 4000..4999
   *   are), 1006 when there was no goodbye, 1002, 1007 and 1009 when it was cut for a fault
   */
  close?(ws: ServerWebSocket<D>, code: number, reason: string): void | Promise<void>;
}

export interface WebSocketLimits {
  /** Largest message in bytes, before and after inflating; default 64 KiB. */
  readonly maxPayload?: number;
  /** Ping, and cut who has sent nothing for this long, pongs included; 8,000..960,000, default 60,000. */
  readonly idleTimeoutMs?: number;
  /** Bytes that may wait for a client that reads slowly; default 1 MiB. */
  readonly maxBackpressure?: number;
  /** What becomes of a client beyond that: it is cut (default), or loses the message. */
  readonly onBackpressureLimit?: 'close' | 'drop';
  /** permessage-deflate (RFC 7692) without context take-over, for messages from 1 KiB on; default false. */
  readonly perMessageDeflate?: boolean;
  /**
   * Whose pages may open it: origins as browsers send them (`https://app.example`), or `*`. Default: those of
   * the same host. Clients that send no `Origin` are no browsers and are let in.
   */
  readonly origins?: readonly string[] | '*';
  /** Subprotocols, best first: the first that the client offers is agreed on. */
  readonly protocols?: readonly string[];
}

/** A route as those see it who hold its sockets. */
export interface SocketRoute {
  readonly pattern: Pattern;
  readonly limits: ResolvedLimits;
  readonly topics: Topics;
  /** A topic of its service, told apart from those of others. */
  topic(name: string): string;
  /** Runs a callback, if there is one. Never throws. */
  run<K extends keyof WebSocketEvents<unknown>>(
    event: K,
    ws: ServerWebSocket,
    call: (callback: NonNullable<WebSocketEvents<unknown>[K]>) => void | Promise<void>,
  ): void;
}

/** The limits of a route, complete. */
export type ResolvedLimits = Required<WebSocketLimits>;

export const DEFAULT_LIMITS: ResolvedLimits = {
  maxPayload: 64 * 1024,
  idleTimeoutMs: 60_000,
  maxBackpressure: 1024 * 1024,
  onBackpressureLimit: 'close',
  perMessageDeflate: false,
  origins: [],
  protocols: [],
};

/** Twice this must fit into the core's 32 bits, and a message is held in memory whole. */
const MAX_PAYLOAD = 256 * 1024 * 1024;
/** Outside of these the core ends the process. */
const IDLE_MS = { min: 8_000, max: 960_000 };

/** @throws TypeError for a limit that the core could not keep or that no request could meet */
export function resolveLimits(limits: WebSocketLimits): ResolvedLimits {
  const {
    maxPayload,
    idleTimeoutMs,
    maxBackpressure,
    onBackpressureLimit,
    perMessageDeflate,
    origins,
    protocols,
  } = {
    ...DEFAULT_LIMITS,
    ...limits,
  };
  whole('maxPayload', maxPayload, 1, MAX_PAYLOAD);
  whole('idleTimeoutMs', idleTimeoutMs, IDLE_MS.min, IDLE_MS.max);
  whole('maxBackpressure', maxBackpressure, 1, MAX_PAYLOAD);
  if (onBackpressureLimit !== 'close' && onBackpressureLimit !== 'drop') {
    throw new TypeError('onBackpressureLimit must be "close" or "drop"');
  }
  if (typeof perMessageDeflate !== 'boolean') throw new TypeError('perMessageDeflate must be true or false');
  if (origins !== '*' && !(Array.isArray(origins) && origins.every(isOrigin))) {
    throw new TypeError('origins must be "*" or a list like ["https://app.example"]');
  }
  if (!Array.isArray(protocols) || !protocols.every((name) => typeof name === 'string' && isToken(name))) {
    throw new TypeError('protocols must be a list of names without spaces or commas');
  }
  return {
    maxPayload,
    idleTimeoutMs,
    maxBackpressure,
    onBackpressureLimit,
    perMessageDeflate,
    origins,
    protocols,
  };
}

function whole(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new TypeError(`${name} must be a whole number from ${min} to ${max}`);
}

/** As a browser would send it: no path, no default port. */
function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text;
}

/**
 * Codes an application may send: not those that only say how a connection ended, nor unassigned ones.
 * @throws RangeError
 */
export function checkClose(code: number, reason: string): void {
  const isAssigned = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!Number.isInteger(code) || !(isAssigned || (code >= 3000 && code <= 4999))) {
    throw new RangeError(`${code} is not a close code that may be sent`);
  }
  if (Buffer.byteLength(reason) > 123) throw new RangeError('a close reason has at most 123 bytes');
}

/** @throws TypeError */
export function checkTopic(topic: string): void {
  if (typeof topic !== 'string' || topic === '') throw new TypeError('a topic is a string that is not empty');
}

/** @throws TypeError: what is queued for other threads must be what they accept */
export function checkMessage(data: string | Uint8Array, isBinary: boolean): void {
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    throw new TypeError('a message is a string or a Uint8Array');
  }
  if (typeof isBinary !== 'boolean') throw new TypeError('isBinary is true or false');
}
