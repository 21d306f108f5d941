// The interface between the pipeline and what carries the bytes of one request. uws-exchange.ts implements it
// over a socket, inject-exchange.ts in memory (for tests, and for calls between services in one worker), so
// both go through the same pipeline.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpError } from '../errors.js';
import type { TraceContext } from '../scope.js';
import type { Problem } from './problem-response.js';
import type { RequestHead } from './request-head.js';
import type { TakenState } from './response-owner.js';
import type { SocketRoute } from './websocket/websocket.js';

/** A request that becomes a WebSocket. */
export interface Acceptance {
  readonly route: SocketRoute;
  /** The fields of the response: flat and checked. */
  readonly headers: readonly string[];
  readonly key: string;
  readonly protocol: string | undefined;
  /** The extensions that the client offers. */
  readonly extensions: string;
  readonly params: Readonly<Record<string, string>>;
  readonly data: unknown;
  readonly requestId: string;
  /** The trace of the request that opens the socket. */
  readonly trace: TraceContext;
}

/** The reading of a body, as the exchange of its request sees it. */
export interface BodyReading {
  /** More of the body is wanted, also when the response is complete. */
  readonly goesOn: boolean;
  /** Called when no more of a body can arrive that was wanted behind its response. */
  lost(): void;
}

/** The objects of Node.js for one request, which an application of `node:http` works with. */
export interface NodeMessages {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What the request is told of a response that an application of `node:http` writes. */
export interface TakeOverEvents {
  /**
   * Called once, before the head of the response is made: fields may be set.
   * @returns whether the connection is to be closed after the response
   */
  headIsDue(status: number): boolean;
  /**
   * Called when the head is made. Were all fields set before, Node.js would check and copy those that the
   * application passes to `writeHead`.
   * @param head as it goes on the wire, one character per byte
   * @returns lines to be added to it
   */
  headIsMade(head: string): string;
  /** The head has bytes beyond ASCII, one character for each, which are not to be encoded. */
  readonly hasOctets: boolean;
  /**
   * Called before the first bytes of a body that is written in pieces.
   * @param length of the whole body in bytes; undefined when that is unknown
   */
  bodyBegins(length: number | undefined): void;
  /**
   * Called when bytes of the response wait for the client, or are about to.
   * @param bytes that wait, beside those of the head
   */
  bytesWait(bytes: number): void;
  /** The application has written all of the response. Its client may read the rest much later. */
  written(): void;
  /** The whole response was passed to the system. */
  ended(status: number): void;
  /** The whole body has arrived. */
  bodyArrived(): void;
  /** What arrives of the body is refused: it is too large, or its client sends nothing more. */
  bodyRefused(error: HttpError): void;
  /** Runs code of the application, such as its listeners for what has arrived, which may throw. */
  deliver(piece: () => void): void;
  /** The application has cut the connection before the end of its response. */
  cutOff(): void;
  /** The application writes to its response in a way that Node.js refuses. */
  misused(error: unknown): void;
}

/**
 * Writes one response. Every method may be called after an abort, when it does nothing, and at most one
 * response is written.
 */
export interface Exchange {
  readonly head: RequestHead;
  /**
   * `performance.now()` at the end of the header of a request that has waited on its connection: its deadline
   * counts from there. Undefined for one that is served as soon as it arrives.
   */
  readonly arrivedAt?: number | undefined;
  /** True once the client has left or the response is complete. */
  readonly closed: boolean;
  /** The address of the peer as text. */
  remoteAddress(): string;
  /** Keeps the address for later: the core forgets it with the response or when the client leaves. */
  rememberAddress(): void;
  /**
   * Each listener is called at most once, when the client leaves before the response is complete.
   * @param listener gets the error of the request where it is another one than CLIENT_CLOSED
   */
  onClosed(listener: (reason?: HttpError) => void): void;
  /**
   * Each listener is called once: when the response is complete or the client has left; at once if that has
   * happened.
   */
  onEnded(listener: () => void): void;
  /**
   * Sends the whole response, with backpressure for large bodies. Headers are a flat list, already checked.
   * For HEAD the length of `body` is announced and the body is not sent; `null` announces no length there.
   * @param close closes the connection after this response, which announces that
   */
  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void;
  /** Responds 101 and hands the connection to the route. Undefined where no WebSocket can be opened. */
  readonly accept: ((acceptance: Acceptance) => void) | undefined;
  /**
   * Begins a response in pieces.
   * @param length total number of bytes in the pieces, at least 1 (for HEAD no piece follows); undefined when
   *   it is unknown, which is not allowed for HEAD
   */
  begin(status: number, headers: readonly string[], close: boolean, length?: number): void;
  /**
   * Like `begin`, for a protocol whose head goes out with the first piece: fields may be set until then.
   * Undefined where the head is sent by `begin`.
   */
  beginLater?(fields: () => readonly string[]): void;
  /** The head of a response that `beginLater` has begun was sent. */
  readonly isHeadSent?: boolean;
  /** Resolves when more may be written; rejects when the client has left or took nothing for too long. */
  write(chunk: Uint8Array | string): Promise<void>;
  /** Call after the last piece. Cuts the connection when the announced length was not reached. */
  end(): void;
  /**
   * Leaves request, body and response to an application of `node:http`. Call it at most once, while nothing
   * has been sent. The exchange ends when that response does. Until bytes of it were sent, `send` sends
   * another response in its place and closes the connection: what the application writes from then on has no
   * effect. Undefined where there are no such objects.
   * @param bodyLimit largest body in bytes
   * @returns undefined when the body was read already
   */
  readonly takeOver?:
    | ((
        events: TakeOverEvents & TakenState,
        bodyLimit: number,
      ) => NodeMessages | undefined | Promise<NodeMessages | undefined>)
    | undefined;
  /** The application is not to write the response any more, whatever else becomes of the request. */
  leaveTaken?(): void;
  /** Bytes of the response were sent that an application of `node:http` writes. @default false */
  readonly isTakenSent?: boolean;
  /**
   * Call when the application has begun a response in pieces, or has written all of it, for an exchange that
   * belongs to another request as well.
   */
  takenBegan?(status: number): void;
  /** Call when the response of the application has ended. */
  takenEnded?(status: number): void;
  /** The whole body has arrived. Its reader may be called a moment later. */
  readonly isBodyComplete: boolean;
  /** The body is lost unless `readBody` is called before the callback of the request returns. */
  readonly isBodyPassing: boolean;
  /** More of the request arrives while its handler runs, and may be refused then. @default false */
  readonly isRequestArriving?: boolean;
  /**
   * Reads the body. Call it once.
   * @param onPiece called with pieces of any size, each valid during the call only
   * @param reading of a body that may be wanted behind its response
   * @returns false when it is too late to read the body
   */
  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void, reading?: BodyReading): boolean;
  /** Delivers the body behind the response where it is wanted. @default false */
  readonly deliversBehind?: boolean;
  /**
   * The listener is called at most once, when what arrives of the request is refused: a body because of its
   * thousands of tiny pieces, a stream of messages also because of their size.
   */
  onBodyRefused(listener: (error: HttpError) => void): void;
  /** Stops reading from the socket; one or two chunks may still arrive. */
  pause(): void;
  resume(): void;
  /**
   * The callback of the HTTP core that has brought the request is running, so the request is at the bottom of
   * the stack. @default false
   */
  readonly inCallback?: boolean;
  /**
   * Call when the callback of the request is over or was interrupted: what is written from now on is
   * asynchronous. May be called again.
   */
  leaveCallback(): void;

  /**
   * The request was cut off together with its caller in the process, so nothing receives a response. An
   * error would end as a rejection that nothing handles, and replace the worker.
   */
  callerIsGone?(): void;
  /**
   * Cuts the connection, without a response or in the middle of one.
   * @param problem what has failed, for a protocol that can report a failure after the response has begun
   */
  destroy(problem?: Pick<Problem, 'status' | 'headers' | 'body'>): void;
}
