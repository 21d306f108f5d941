// The contract of admin routes: a route, the request that its handler gets, and the response that it returns.
// The server checks the token, Host and Origin, applies limits and writes problem documents.
import type { SwitchChange } from './operator-value.js';

/** The clients that a route serves. */
export type AdminAccess =
  /** Every client: liveness and readiness. */
  | 'open'
  /** The operator: clients with the admin token; when none is set, clients that send no token. */
  | 'operator'
  /** The operator, and clients with a delegate token: the handler must check `request.grants`. */
  | 'delegate';

/**
 * A request of the admin plane. Its body (at most 64 KiB) has been read and parsed before the handler runs;
 * the body of a GET is never read.
 */
export interface AdminRequest {
  readonly method: string;
  /** The path without the query. */
  readonly path: string;
  /** Decoded parameters of the pattern (null prototype). */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Returns a header field by its lower-case name; several fields of one name are joined by `, `. */
  header(name: string): string | undefined;
  /** The parsed JSON body, undefined when there was none. */
  readonly body: unknown;
  readonly requestId: string;
  readonly remoteAddress: string;
  /** The names of services that a delegate token is for; `all` for the operator. */
  readonly grants: 'all' | readonly string[];
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** A server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface ServerSentEvent {
  readonly event?: string;
  readonly id?: string;
  /** A string is sent as it is, anything else as JSON. */
  readonly data: unknown;
}

/**
 * One open event stream. A comment every 15 s keeps it alive; a client that stops reading is disconnected.
 */
export interface EventSink {
  /** @returns false when the stream has ended, and the event is lost */
  send(event: ServerSentEvent): boolean;
  /**
   * Sends whole events as `formatEvent` makes them. Streams may share the bytes.
   * @returns false when the stream has ended, and the events are lost
   */
  write(events: Buffer): boolean;
  /** Whether so much waits for the client to read it that more should be sent later. */
  readonly isBehind: boolean;
  /** Calls `resume` once, when a client that is behind has read what waits. */
  onceRead(resume: () => void): void;
  /** Ends the stream from this side. A client that reads slowly is disconnected. */
  close(): void;
}

/** The header of a response with JSON in `bytes`. */
export const JSON_UTF8 = { 'content-type': 'application/json; charset=utf-8' } as const;

/** Called once, when either side has ended the stream. */
export type StreamCleanup = () => void;

/** A response has at most one of `json`, `text`, `bytes` and `stream`; without one its body is empty. */
export interface AdminResponse {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  /**
   * Text or JSON in UTF-8, with its `content-type` in `headers`. One Buffer may be the body of many
   * responses.
   */
  readonly bytes?: Buffer;
  /**
   * Names are in lower case. They override the defaults (`content-type` of text is
   * `text/plain; charset=utf-8`).
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** What an action of an operator has changed, for its line in the log. */
  readonly change?: SwitchChange;
  /** Begins server-sent events: it runs when the header has been sent, and returns its cleanup. */
  readonly stream?: (sink: EventSink) => StreamCleanup;
  /**
   * Whether the stream is that of a process which shares the registry: there is room for some of these,
   * however many clients have a stream.
   * @default false
   */
  readonly isForProcess?: boolean;
}

/**
 * An HttpError that a handler throws becomes its problem document, any other error 500 INTERNAL.
 */
export type AdminHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

/** A route. Two routes of the same method and pattern are refused at start. GET serves HEAD as well. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /**
   * Segments are literals or `:name`, as in `/registry/v1/services/:service/instances/:id`. A literal wins
   * over a name.
   */
  readonly path: string;
  /**
   * The query parameters that it has. A request with another one is refused, because its client expects an
   * effect. `any` for routes of other processes, which may be newer; an open route never refuses one.
   * @default none
   */
  readonly query?: readonly string[] | 'any';
  /** @default `operator` */
  readonly access?: AdminAccess;
  /**
   * Whether the route is a probe. Its 503 reports a status and does not refuse a request, so it carries no
   * `executed`.
   * @default false
   */
  readonly isProbe?: boolean;
  /**
   * Whether a request is an action of an operator, of which the log has one line (operator-audit.ts). That
   * programs renew their instances is none: there may be thousands.
   * @default true for methods other than GET, except where access is `delegate` or `open`
   */
  readonly isAction?: boolean;
  readonly handler: AdminHandler;
}
