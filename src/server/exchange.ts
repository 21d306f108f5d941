// Between the pipeline and whatever carries the bytes. uws-exchange.ts implements it over a socket, inject.ts
// in memory (tests, and calls between services in one worker), so both go through the very same pipeline.
import type { HttpError } from '../errors.js';
import type { SocketRoute } from './websocket/websocket.js';

/** What arrived, already out of the core's reach: strings and arrays only. */
export interface IncomingHead {
  /** Upper case, as sent. */
  readonly method: string;
  readonly path: string;
  /** Without the `?`; empty string when there is none. */
  readonly query: string;
  /** Flat list name, value, name, value…; names lower case, repeated fields kept. */
  readonly headers: readonly string[];
  /** A peer that is one of us: in-process call. Such a request may reach `internal` routes. */
  readonly inProcess: boolean;
}

/** A request that becomes a WebSocket. */
export interface Acceptance {
  readonly route: SocketRoute;
  /** Of the answer, flat and checked. */
  readonly headers: readonly string[];
  readonly key: string;
  readonly protocol: string | undefined;
  /** What the client offers. */
  readonly extensions: string;
  readonly params: Readonly<Record<string, string>>;
  readonly data: unknown;
  readonly requestId: string;
}

/**
 * Writes one answer. Every method is safe after an abort (it does nothing) and at most one answer is written.
 */
export interface Exchange {
  readonly head: IncomingHead;
  /** True once the client is gone or the answer is complete. */
  readonly closed: boolean;
  /** Client address as text. */
  remoteAddress(): string;
  /** Each listener is called at most once, when the client leaves before the answer is complete. */
  onClosed(listener: () => void): void;
  /**
   * The listener is called once: when the answer is complete or the client has left, or now if that has been.
   */
  onEnded(listener: () => void): void;
  /**
   * The whole answer at once, with backpressure for large bodies. Headers are a flat list, already checked.
   * For HEAD the length of `body` is announced and the body is not sent; `null` announces no length there.
   * @param close the connection ends behind this answer, and the answer says so
   */
  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void;
  /** Answers 101; from then on the connection is the route's. Undefined where no WebSocket can be opened. */
  readonly accept: ((acceptance: Acceptance) => void) | undefined;
  /**
   * Begins an answer in pieces.
   * @param length exactly so many bytes follow, at least one, and for HEAD none; undefined: nobody knows how
   *   many, not for HEAD
   */
  begin(status: number, headers: readonly string[], close: boolean, length?: number): void;
  /** Resolves when more may be written; rejects when the client left or took nothing for too long. */
  write(chunk: Uint8Array | string): Promise<void>;
  /** After the last piece. Cuts the connection when the announced length was not reached. */
  end(): void;
  /** All of it has arrived; its reader may hear of that a moment later. */
  readonly isBodyComplete: boolean;
  /** The body is lost unless `readBody` is called before the callback that brought the request returns. */
  readonly isBodyPassing: boolean;
  /**
   * Reads the body, once.
   * @param onPiece gets pieces of any size, each valid during the call only
   * @returns false when the body cannot be read any more
   */
  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void): boolean;
  /** The listener is called at most once, when the body turns out to be an attack on the reader of it. */
  onBodyRefused(listener: (error: HttpError) => void): void;
  /** Stops reading from the socket; a chunk or two may still come. */
  pause(): void;
  resume(): void;
  /**
   * The callback that brought the request is over, or was broken off: from now on everything is written
   * later. May be called again.
   */
  leaveCallback(): void;
  /** Cuts the connection without an answer (or in the middle of one). */
  destroy(): void;
}
