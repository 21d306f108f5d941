// The contract of the admin plane: what a route is, what its handler gets and gives. server.ts keeps the
// promises around it (token, Host and Origin checks, limits, problem documents); other rooms bring route
// lists.

/** Whose requests a route answers. */
export type AdminAccess =
  /** Anybody who may connect: liveness and readiness. */
  | 'open'
  /** Whoever has the admin token; everybody when none is set. */
  | 'operator'
  /** The operator, and holders of a delegate token: look at `request.grants`. */
  | 'delegate';

/**
 * A body is fully read (<= 64 KiB) and parsed before the handler runs, except that of a GET, which is never
 * read.
 */
export interface AdminRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Decoded parameters of the pattern (null prototype). */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** A field by its lower-case name; several of one name come joined by `, `. */
  header(name: string): string | undefined;
  /** The JSON that was sent, undefined when there was no body. */
  readonly body: unknown;
  readonly requestId: string;
  readonly remoteAddress: string;
  /** What a delegate token was given for (names of services); `all` for the operator. */
  readonly grants: 'all' | readonly string[];
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** A server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface ServerSentEvent {
  readonly event?: string;
  readonly id?: string;
  /** Text as it is; anything else as JSON. */
  readonly data: unknown;
}

/** One open event stream. A comment every 15 s keeps it alive; a client that stops reading is cut. */
export interface EventSink {
  /** False once the stream has ended; events sent then are lost. */
  send(event: ServerSentEvent): boolean;
  /** Ends the stream from this side. */
  close(): void;
}

/** Called once, when the stream ends from either side. */
export type StreamCleanup = () => void;

/** At most one of `json`, `text`, `bytes`, `stream`; none is an empty body. */
export interface AdminResponse {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  /**
   * Text or JSON in UTF-8 whose `content-type` is among the headers. One Buffer may be the reply to many
   * requests.
   */
  readonly bytes?: Buffer;
  /** Lower-case names; override the defaults (`content-type` of text is `text/plain; charset=utf-8`). */
  readonly headers?: Readonly<Record<string, string>>;
  /** Server-sent events: runs once the header is out, returns how to stop. */
  readonly stream?: (sink: EventSink) => StreamCleanup;
}

/** Throwing an HttpError answers with its problem document, anything else with 500 INTERNAL. */
export type AdminHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

/** Two routes of the same method and pattern are refused at start. GET answers HEAD too. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Segments, each literal or `:name`: `/registry/v1/services/:service/instances/:id`. Literals win. */
  readonly path: string;
  /** Default `operator`. */
  readonly access?: AdminAccess;
  /** Its 503 tells a state and refuses nothing, so it carries no `executed`. Default false. */
  readonly isProbe?: boolean;
  readonly handler: AdminHandler;
}
