// The contract of this room: what a handler gets and gives, and how an application is declared.
// Everything else in server/ exists to keep this promise over a socket (uws.ts) or without one (inject.ts).
import type { Static, TSchema } from '@sinclair/typebox';
import type { Logger } from 'pino';
import type { Deadline } from '../deadline.js';
import type { Priority } from '../resilience/admission.js';
import type { BulkheadOptions } from '../resilience/bulkhead-options.js';
import type { Part, PartLimits } from './body/multipart.js';
import type { CookieOptions } from './response/cookies.js';
import type { EventSourceFunction, ServerSentEvent } from './response/sse.js';
import type { WebSocketEvents, WebSocketLimits } from './websocket/websocket.js';

/** Read-only multi-map of raw strings. Header names are lower case. */
export interface ReadonlyFields {
  get(name: string): string | undefined;
  getAll(name: string): readonly string[];
  has(name: string): boolean;
}

/** One that can be listed. */
export interface ListedFields extends ReadonlyFields {
  /** Every name once. */
  names(): Iterable<string>;
}

export interface Schemas {
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly headers?: TSchema;
  readonly body?: TSchema;
  /**
   * By status. An answer whose status is listed is serialized by its schema: unlisted members are left out.
   */
  readonly response?: Readonly<Record<number, TSchema>>;
}

/**
 * What runs around handlers: `onRequest` before the input is validated and the body read, `preHandler` after
 * that,
 * `onError` when one of them or the handler throws (innermost first), `onResponse` when the answer is
 * complete. A value other than undefined, or a promise of one, ends the chain with that answer.
 */
export interface Hooks {
  readonly onRequest?: (ctx: Context) => unknown;
  readonly preHandler?: (ctx: Context) => unknown;
  /** Changes nothing any more; what it throws is logged. */
  readonly onResponse?: (ctx: Context, status: number) => void | Promise<void>;
  readonly onError?: (ctx: Context, error: unknown) => unknown;
}

/** Hooks of one route or group, inside those of what is around it. */
export type RouteHooks = {
  readonly [K in keyof Hooks]?: NonNullable<Hooks[K]> | readonly NonNullable<Hooks[K]>[];
};

export interface RouteOptions extends Schemas, RouteHooks {
  /**
   * How a body with a schema is sent: `json` (default), or `form`: urlencoded, its values coerced like a
   * query.
   */
  readonly bodyType?: 'json' | 'form';
  /** Largest body in bytes; default: the setting MAX_BODY_BYTES. */
  readonly bodyLimit?: number;
  /** Chunked request bodies (no announced length): default is the setting CHUNKED_BODIES. */
  readonly chunked?: 'accept' | 'reject';
  /** Milliseconds from the end of the header to the first byte of the answer; default REQUEST_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  /**
   * Text answers from 1 KiB on are compressed for clients that take it. Not for answers that hold a secret
   * beside text of the client's choice: their length would tell it (BREACH). Default false.
   */
  readonly compress?: boolean;
  /** Reachable in-process or with the mesh token only; 404 for everybody else. */
  readonly internal?: boolean;
  /**
   * `N/second` or `N/minute`, optionally `;burst=B`, beside the setting RATE_LIMIT; `off`: none at all. Exact
   * over all workers: in any interval of t seconds at most B + N*t requests of a key are admitted, the others
   * get 429.
   */
  readonly rateLimit?: RateLimitOption;
  /**
   * So many at once in all workers, in-process calls included; beyond, 503 OVERLOADED. With `queue`, so many
   * more wait in each worker for at most `queueMs` (default 50).
   */
  readonly maxConcurrent?: MaxConcurrent;
  /**
   * Who gives way first while too much is in flight; `critical`: refused at MAX_IN_FLIGHT only. Default
   * `normal`.
   */
  readonly priority?: Priority;
  /** One line for route lists and OpenAPI. */
  readonly summary?: string;
}

/** What the routes of a group have in common; a route's own say more. */
export type GroupOptions = Pick<
  RouteOptions,
  'internal' | 'timeoutMs' | 'bodyLimit' | 'chunked' | 'compress' | 'priority'
> &
  RouteHooks;

export type MaxConcurrent = number | BulkheadOptions;

export type RateLimitOption =
  | string
  | {
      readonly limit: string;
      /**
       * Who shares the limit: an address (default; IPv6 by its /64), everybody, a header field, or what you
       * say.
       */
      readonly key?: 'address' | 'global' | { readonly header: string } | ((ctx: Context) => string);
    };

type Typed<S, Raw> = S extends TSchema ? Static<S> : Raw;

/**
 * One request and its answer. Lives from the end of the header until `onResponse` has run; do not keep it.
 * @typeParam O the options of the route, from which `body` and `input` get their types
 */
export interface Context<O extends RouteOptions = RouteOptions> {
  readonly method: string;
  /** Path as sent, without the query. */
  readonly path: string;
  /** Route template, e.g. `/api/users/:id`. */
  readonly route: string;
  /** Decoded path parameters (null prototype). */
  readonly params: Readonly<Record<string, string>>;
  readonly query: ListedFields;
  /** Without `Forwarded` and `X-Forwarded-*`, unless a trusted proxy has sent them and writes them itself. */
  readonly headers: ReadonlyFields;
  /** By name (nothing inherited), decoded; of a name that is sent twice the first. */
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** The validated JSON body when the route declares a `body` schema; undefined otherwise. */
  readonly body: Typed<O['body'], undefined>;
  /** Validated and coerced, per declared schema. */
  readonly input: {
    readonly params: Typed<O['params'], Readonly<Record<string, string>>>;
    readonly query: Typed<O['query'], undefined>;
    readonly headers: Typed<O['headers'], undefined>;
  };
  /**
   * Address of the client, behind TRUSTED_PROXIES if there are any. Costs about 1.5 us: ask only when a rule
   * needs it. Known also in `onResponse` and after the client has left; a synchronous handler that uses a
   * responder and then goes on must read it before.
   */
  readonly ip: string;
  /**
   * What the client asked for as the host, with its port; behind TRUSTED_PROXIES what they were asked for.
   */
  readonly host: string;
  /** The caller is a service in this process. */
  readonly inProcess: boolean;
  /**
   * The caller is a service: in this process, or with the mesh token of this one. Only such callers reach
   * `internal` routes.
   */
  readonly isPeer: boolean;
  readonly requestId: string;
  readonly traceId: string;
  /** Aborts when the client leaves or the deadline passes. */
  readonly signal: AbortSignal;
  readonly deadline: Deadline;
  /** A logger of this request: what is bound to it, and a level that it is given, end with the request. */
  readonly log: Logger;
  /** Yours: what hooks leave for handlers. Fresh for every request. */
  readonly state: Record<string, unknown>;

  /** The media type of these that the client would rather have; undefined when it takes none of them. */
  accepts(...types: string[]): string | undefined;

  readBytes(): Promise<Uint8Array>;
  readText(): Promise<string>;
  readJson(): Promise<unknown>;
  /**
   * The fields of an urlencoded form, at most 1000. @throws HttpError UNSUPPORTED_MEDIA_TYPE for anything
   * else
   */
  readForm(): Promise<ReadonlyFields>;
  /** The fields and files of a `multipart/form-data` upload, one by one as they arrive, with backpressure. */
  readParts(limits?: PartLimits): AsyncIterable<Part>;
  /** The body as it arrives, with backpressure, bounded by the route's `bodyLimit`. */
  readStream(): AsyncIterable<Uint8Array>;

  status(code: number): this;
  /**
   * @param options `always`: the field stays when the answer becomes a problem document; others are dropped
   *   then
   * @throws TypeError for a name or value that could split the response; framing fields are refused.
   */
  header(name: string, value: string, options?: { readonly always?: boolean }): this;
  /** Says that the answer depends on this field of the request. Adds to what was said before. */
  vary(name: string): this;
  /**
   * Sets a cookie that is safe by default: `HttpOnly`, `Secure`, `SameSite=Lax`, `Path=/`. `maxAge: 0`
   * removes it.
   * @throws TypeError for what browsers do not accept
   */
  cookie(name: string, value: string, options?: CookieOptions): this;
  json(value: unknown): Sent;
  text(value: string): Sent;
  html(value: string): Sent;
  bytes(value: Uint8Array, contentType?: string): Sent;
  /**
   * A file below `root` (relative to the configuration file), with ETag, ranges and conditional requests.
   * What is hidden behind a dot, outside of the root (also through a link) or no file is 404. Return its
   * promise.
   */
  file(root: string, path: string, options?: FileOptions): Promise<Sent>;
  redirect(location: string, status?: 301 | 302 | 303 | 307 | 308): Sent;
  /** Streams with backpressure, stops when the client leaves or takes nothing for STREAM_IDLE_MS. */
  stream(source: AsyncIterable<Uint8Array | string>, contentType?: string): Sent;
  /**
   * Server-sent events, with a comment every 15 s. A function gets the `Last-Event-ID` and is called only
   * when there is a body to fill. When the client leaves, or a drain is over, `signal` aborts and the source
   * is asked to return.
   */
  sse(source: AsyncIterable<ServerSentEvent> | EventSourceFunction): Sent;
}

export interface FileOptions {
  /** Shown for a folder: `index.html`. Default: a folder is 404. */
  readonly index?: string;
  /** Text is compressed for clients that take it. Default false. */
  readonly compress?: boolean;
  /** A `.br` or `.gz` beside the file is sent to clients that take it. Default false. */
  readonly precompressed?: boolean;
}

/** What a responder returns; a handler may return it too, and that means "already answered". */
export const SENT = Symbol('sent');
export type Sent = typeof SENT;

/**
 * Returns what becomes the answer: object or null -> JSON, string -> text, Uint8Array -> bytes,
 * undefined -> 204. A plain value costs no promise. Throwing maps as in errors.ts.
 */
export type Handler<O extends RouteOptions = RouteOptions> = (ctx: Context<O>) => unknown;

/**
 * A WebSocket route. Its requests pass the hooks of the application and its groups like any other.
 * @typeParam D what `upgrade` returns
 */
export interface WebSocketOptions<D = undefined>
  extends WebSocketEvents<D>,
    WebSocketLimits,
    Pick<RouteOptions, 'internal' | 'timeoutMs' | 'summary'> {
  /**
   * Behind the hooks, before the connection is a WebSocket: whoever throws or answers here refuses it. Fields
   * set with `ctx.header` go out with the handshake. `ctx` ends here: what the socket needs is returned.
   */
  upgrade?(ctx: Context): D | Promise<D>;
}

interface Route {
  <const O extends RouteOptions>(path: string, options: O, handler: Handler<O>): void;
  (path: string, handler: Handler): void;
}

/**
 * What `routes(app, deps)` of a service gets. Misuse (bad pattern, same route twice) throws here, at start.
 */
export interface Application {
  readonly get: Route;
  readonly post: Route;
  readonly put: Route;
  readonly patch: Route;
  readonly delete: Route;
  readonly options: Route;
  /** GET, POST, PUT, PATCH and DELETE. */
  readonly all: Route;
  /** A WebSocket at this path; it shares the path with no GET route. */
  ws<D = undefined>(path: string, options: WebSocketOptions<D>): void;
  /**
   * To all subscribers of a topic of this service, on every worker. May be called at any time.
   * @throws TypeError for a topic, a message or an `isBinary` of another type
   */
  publish(topic: string, data: string | Uint8Array, isBinary?: boolean): void;
  /** Routes and hooks of their own below a prefix; `/` in it is the prefix itself. */
  group(prefix: string, fill: (app: Application) => void): void;
  group(prefix: string, options: GroupOptions, fill: (app: Application) => void): void;
  /** For all routes of the application or group, wherever they are declared, in the order of declaration. */
  hook<K extends keyof Hooks>(name: K, hook: NonNullable<Hooks[K]>): void;
}

/** One registered route, for `/workers`, metrics labels, `multilane routes` and OpenAPI. */
export interface RouteInfo {
  readonly service: string;
  readonly method: string;
  /** As declared: `/api/users/:id`. */
  readonly path: string;
  /** As a metric label and span name: `/api/users/{id}`. */
  readonly template: string;
  readonly webSocket: boolean;
  /** Those of its groups included; without hooks. */
  readonly options: Omit<RouteOptions, keyof Hooks>;
}
