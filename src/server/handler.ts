// The contract of this module: what a handler gets and returns, and how an application is declared.
// Everything else in server/ implements it over a socket (uws/uws-server.ts, node/node-server.ts) or without
// one (inject.ts).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Static, TSchema } from '@sinclair/typebox';
import type { Logger } from 'pino';
import type { Deadline } from '../deadline.js';
import type { RateText } from '../rate.js';
import type { Priority } from '../resilience/admission.js';
import type { BulkheadOptions } from '../resilience/bulkhead-options.js';
import type { Part, PartLimits } from './body/multipart.js';
import type { CommonDocs, GroupDocs, RouteDocs } from './docs/route-docs.js';
import type { CookieOptions } from './response/cookies.js';
import type { EventSourceFunction, ServerSentEvent } from './response/sse.js';
import type {
  AnyPrefix,
  CheckedParams,
  DeclaredBody,
  JoinedPath,
  JoinedPrefix,
  Nothing,
  PathParams,
  PrefixedRoutes,
  RouteEntry,
} from './route-types.js';
import type { WebSocketEvents, WebSocketLimits } from './websocket/websocket.js';

/** A read-only multi-map of raw strings. Names of header fields match in any case. */
export interface ReadonlyFields {
  /** The first value of this name. */
  get(name: string): string | undefined;
  /** All values of this name, in the order of arrival. */
  getAll(name: string): readonly string[];
  has(name: string): boolean;
}

/** Fields whose names can be listed. */
export interface ListedFields extends ReadonlyFields {
  /** Lists every name once. */
  names(): Iterable<string>;
}

/**
 * TypeBox schemas of a route. A request that does not match them gets 422 VALIDATION_FAILED with its faults.
 */
export interface Schemas {
  /** Schema of the path parameters, which are coerced from text. */
  readonly params?: TSchema;
  /** Schema of the query, which is coerced from text. */
  readonly query?: TSchema;
  /** Schema of the header fields, which are coerced from text. */
  readonly headers?: TSchema;
  readonly body?: TSchema;
  /**
   * Schemas of responses by status. A response with a listed status is serialized by its schema, which omits
   * members that the schema does not list.
   */
  readonly response?: Readonly<Record<number, TSchema>>;
}

/**
 * Functions that run around handlers. A value other than undefined, or a promise of one, ends the chain and
 * becomes the response; so a hook that has responded with `ctx.json(…)` returns what that call returned.
 */
export interface Hooks {
  /** Runs before the input is validated and the body is read. */
  readonly onRequest?: (ctx: Context) => unknown;
  /** Runs after that, before the handler. */
  readonly preHandler?: (ctx: Context) => unknown;
  /** Runs when the response is complete and can no longer be changed. What it throws is logged. */
  readonly onResponse?: (ctx: Context, status: number) => void | Promise<void>;
  /** Runs when a hook before it or the handler has thrown; the innermost hook runs first. */
  readonly onError?: (ctx: Context, error: unknown) => unknown;
}

/** Hooks of one route or group. They run inside the hooks of the groups and the application around it. */
export type RouteHooks = {
  readonly [K in keyof Hooks]?: NonNullable<Hooks[K]> | readonly NonNullable<Hooks[K]>[];
};

/** The options of a route. A wrong one fails when the route is declared. */
export interface RouteOptions extends Schemas, RouteHooks, RouteDocs {
  /**
   * How a body with a schema is sent: `json`, or `form` (urlencoded, with values coerced like those of a
   * query).
   * @default 'json'
   */
  readonly bodyType?: 'json' | 'form';
  /** Largest body in bytes. @default the setting MAX_BODY_BYTES */
  readonly bodyLimit?: number;
  /** What becomes of chunked request bodies (of no announced length). @default the setting CHUNKED_BODIES */
  readonly chunked?: 'accept' | 'reject';
  /**
   * Milliseconds from the end of the header to the first byte of the response; then the request gets 504.
   * @default the setting REQUEST_TIMEOUT_MS
   */
  readonly timeoutMs?: number;
  /**
   * Compresses text responses from 1 KiB on for clients that accept it. Leave it off for responses that hold
   * a secret beside text of the client's choice: their length would reveal the secret (BREACH).
   * @default false
   */
  readonly compress?: boolean;
  /** Only services in this process or with the mesh token reach the route; others get 404. @default false */
  readonly internal?: boolean;
  /**
   * A limit `N/second` or `N/minute`, optionally with `;burst=B`, beside the setting RATE_LIMIT; `off`
   * removes both. It is exact over all workers: in any interval of t seconds at most B + N*t requests of a
   * key are admitted, and the others get 429.
   * @example rateLimit: { limit: '10/minute;burst=5', key: { header: 'x-api-key' } }
   */
  readonly rateLimit?: RateLimitOption;
  /**
   * Largest number of requests that run at once in all workers, calls within the process included; others get
   * 503 OVERLOADED. With `{ limit, queue, queueMs }`, up to `queue` more wait in each worker for at most
   * `queueMs` milliseconds (default 50).
   * @default no bound
   */
  readonly maxConcurrent?: MaxConcurrent;
  /**
   * Which requests are rejected first under overload: `background` before `normal`; `critical` only at
   * MAX_IN_FLIGHT.
   * @default 'normal'
   */
  readonly priority?: Priority;
  /**
   * The route takes an `Idempotency-Key`, which the handler uses by `idempotent` or `idempotencyKey`. Where
   * it is `required`, a request without one, or with an empty one, gets 400 IDEMPOTENCY_KEY_REQUIRED.
   * @default a key is not part of the description, and `idempotent` treats it as optional
   */
  readonly idempotencyKey?: 'optional' | 'required';
}

/** Options that the routes of a group have in common. Those of a route take precedence. */
export type GroupOptions = Pick<
  RouteOptions,
  'internal' | 'timeoutMs' | 'bodyLimit' | 'chunked' | 'compress' | 'priority'
> &
  GroupDocs &
  RouteHooks;

/**
 * A handler of the fetch standard.
 * @param ctx the same request as routes of Multilane see it: its log, its id, its deadline
 */
export type FetchHandler = (request: Request, ctx: Context) => Response | Promise<Response>;

/** A handler of the fetch standard, or an application that has one as its method `fetch`. */
export type FetchApplication = FetchHandler | { readonly fetch: FetchHandler };

/** The options of a mounted application. They apply to all its paths and methods together. */
export type FetchOptions = Pick<
  RouteOptions,
  'bodyLimit' | 'chunked' | 'timeoutMs' | 'compress' | 'internal' | 'rateLimit' | 'maxConcurrent' | 'priority'
> &
  CommonDocs &
  RouteHooks & {
    /** The application sees paths without the prefix. @default true */
    readonly stripPrefix?: boolean;
  };

/**
 * A handler of `node:http`. A promise that it returns need not resolve; when it rejects, the request has
 * failed.
 */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * An application of `node:http`: one of Express or Connect, which is a handler itself, or of Fastify, which
 * has one. Its `ready` is awaited before the worker accepts requests, and its `close`, if it has one, behind
 * the last of them.
 */
export type NodeApplication = (
  | NodeHandler
  | { readonly routing: NodeHandler; readonly ready: () => PromiseLike<unknown> }
) & { readonly close?: () => unknown };

/**
 * The options of a mounted application of `node:http`. They apply to all its paths and methods together. It
 * reads bodies and compresses responses by itself; `bodyLimit` counts the bytes as they arrive.
 */
export type NodeOptions = Omit<FetchOptions, 'compress'>;

/** The limit alone, or with a queue. */
export type MaxConcurrent = number | BulkheadOptions;

/** The rate limit of a route: a rate, `off`, or a rate with its key and its scope. */
export type RateLimitOption =
  | RateText
  | 'off'
  | {
      readonly limit: RateText | 'off';
      /**
       * Which requests share the limit: those of an address (IPv6 by its /64), all (`global`), those with the
       * same value of a header field, or those for which a function returns the same string.
       * @default 'address'
       */
      readonly key?: 'address' | 'global' | { readonly header: string } | ((ctx: Context) => string);
      /**
       * Over what the limit counts: the workers of this process, or all processes that share a postgres or
       * etcd REGISTRY.
       * @default 'process'
       */
      readonly scope?: 'process' | 'cluster';
    };

type Typed<S, Raw> = S extends TSchema ? Static<S> : Raw;

/**
 * One request and its response. It is valid from the end of the header until `onResponse` has run; do not
 * keep it.
 * @typeParam O the options of the route, from which `body` and `input` get their types
 * @typeParam Path the path of the route, from which `params` get their names
 */
export interface Context<O extends RouteOptions = RouteOptions, Path extends string = string> {
  readonly method: string;
  /** The path as sent, without the query. */
  readonly path: string;
  /** The path of the route as declared, such as `/api/users/:id`. */
  readonly route: string;
  /** The decoded path parameters, with a null prototype. */
  readonly params: PathParams<Path>;
  /** The query as raw text; see `input.query` for validated values. */
  readonly query: ListedFields;
  /**
   * The header fields. `Forwarded` and `X-Forwarded-*` are hidden unless a trusted proxy writes them itself.
   */
  readonly headers: ReadonlyFields;
  /** Decoded cookies by name, with a null prototype. Of a name that is sent twice it holds the first. */
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** The validated JSON body when the route declares a `body` schema; undefined otherwise. */
  readonly body: Typed<O['body'], undefined>;
  /** The input, validated and coerced by the schemas of the route. */
  readonly input: {
    readonly params: Typed<O['params'], PathParams<Path>>;
    readonly query: Typed<O['query'], undefined>;
    readonly headers: Typed<O['headers'], undefined>;
  };
  /**
   * The address of the client, behind TRUSTED_PROXIES if there are any. Reading it costs about 1.5 us, so
   * read it only where a rule needs it. It is known in `onResponse` and after the client has left. A
   * synchronous handler that uses a responder and then goes on must read it before.
   */
  readonly ip: string;
  /**
   * The host that the client requested, with its port; behind TRUSTED_PROXIES the host that was requested of
   * them.
   */
  readonly host: string;
  /** A service in this process has sent the request. */
  readonly inProcess: boolean;
  /**
   * A service has sent the request: in this process, or with the mesh token of this service. Only such
   * callers reach `internal` routes.
   */
  readonly isPeer: boolean;
  /** `x-request-id` of the client, if it is harmless in logs and fields; otherwise an id of this process. */
  readonly requestId: string;
  /** The W3C trace id, in 32 hex digits. */
  readonly traceId: string;
  /** Aborts when the client leaves or the deadline passes. */
  readonly signal: AbortSignal;
  /**
   * The time at which the caller stops waiting. `call`, `db` and `cpu` observe it by themselves. A response
   * that streams has none after its first piece: what begins then has the time that it has outside of
   * requests.
   */
  readonly deadline: Deadline;
  /** A logger of this request: its bindings and its level concern no other request. */
  readonly log: Logger;
  /** An object for what hooks leave for handlers: empty at first, with a null prototype. */
  readonly state: Record<string, unknown>;

  /** The media type that the client prefers of these; undefined when it accepts none of them. */
  accepts(...types: string[]): string | undefined;

  /**
   * Reads the whole body. The same holds for `readText`, `readJson` and `readForm`.
   * @throws HttpError BODY_TOO_LARGE beyond `bodyLimit`, BODY_TIMEOUT, CLIENT_CLOSED; UnavailableError
   *   OVERLOADED
   */
  readBytes(): Promise<Uint8Array>;
  /** Reads the body as UTF-8. @throws also HttpError MALFORMED_BODY for other bytes */
  readText(): Promise<string>;
  /** Reads the body as JSON. @throws also HttpError MALFORMED_BODY for other text */
  readJson(): Promise<unknown>;
  /** Reads an urlencoded form of at most 1000 fields. @throws also HttpError UNSUPPORTED_MEDIA_TYPE */
  readForm(): Promise<ReadonlyFields>;
  /**
   * Reads the fields and files of a `multipart/form-data` upload, one by one as they arrive, with
   * backpressure.
   * @throws HttpError UNSUPPORTED_MEDIA_TYPE for another body
   */
  readParts(limits?: PartLimits): AsyncIterable<Part>;
  /**
   * Reads the body as it arrives, with backpressure, bounded by `bodyLimit`. @throws Error when called twice
   */
  readStream(): AsyncIterable<Uint8Array>;

  /**
   * Sets the status of the response. @throws HttpError INTERNAL unless it is a whole number from 200 to 599
   */
  status(code: number): this;
  /**
   * Sets a field of the response. Fields that frame the response, such as `content-length`, and
   * `x-request-id` are ignored.
   * @param options `always` keeps the field when the response becomes a problem document, which drops all
   *   others
   * @throws HttpError INTERNAL for a name or value that could split the response
   */
  header(name: string, value: string, options?: { readonly always?: boolean }): this;
  /** Adds a field of the request to `Vary`: the response depends on it. */
  vary(name: string): this;
  /**
   * Sets a cookie that is safe by default: `HttpOnly`, `Secure`, `SameSite=Lax`, `Path=/`. `maxAge: 0`
   * removes it.
   * @throws TypeError for a cookie that browsers do not accept
   */
  cookie(name: string, value: string, options?: CookieOptions): this;
  /**
   * Responds with JSON. All responders throw an Error when the request has a response already, and HttpError
   * INTERNAL for a value that cannot be sent.
   */
  json(value: unknown): Sent;
  /** Responds with `text/plain` in UTF-8. */
  text(value: string): Sent;
  /** Responds with `text/html` in UTF-8. */
  html(value: string): Sent;
  /** Responds with bytes. @param contentType @default 'application/octet-stream' */
  bytes(value: Uint8Array, contentType?: string): Sent;
  /**
   * Responds with a file below `root` (relative to the configuration file), with ETag, ranges and conditional
   * requests. A path that begins with a dot, leads out of the root (even through a link) or names no file is
   * 404.
   * @example app.get('/files/*', (ctx) => ctx.file('./public', ctx.params['*'])); // returns its promise
   */
  file(root: string, path: string, options?: FileOptions): Promise<Sent>;
  /** Responds with a redirect. @param status @default 302 */
  redirect(location: string, status?: 301 | 302 | 303 | 307 | 308): Sent;
  /**
   * Streams a response with backpressure. It stops when the client leaves or takes nothing for
   * STREAM_IDLE_MS.
   * @throws UnavailableError OVERLOADED when too many responses are streamed (MAX_STREAMS)
   */
  stream(source: AsyncIterable<Uint8Array | string>, contentType?: string): Sent;
  /**
   * Responds with server-sent events, and with a comment every 15 s. A function gets the `Last-Event-ID` and
   * is called only when there is a body to fill. When the client leaves, or a drain ends, `signal` aborts and
   * `return` of the source is called.
   */
  sse(source: AsyncIterable<ServerSentEvent> | EventSourceFunction): Sent;
}

/** The options of `ctx.file`. */
export interface FileOptions {
  /** The file that is sent for a folder, such as `index.html`. Default: a folder is 404. */
  readonly index?: string;
  /** Compresses text for clients that accept it. @default false */
  readonly compress?: boolean;
  /** Sends a `.br` or `.gz` file beside the file to clients that accept it. @default false */
  readonly precompressed?: boolean;
}

/** What a responder returns. A handler that returns it has responded already. */
export type Sent = symbol & { readonly sent: true };
export const SENT = Symbol('sent') as Sent;

/**
 * A handler returns its response: an object or null becomes JSON, a string text, a Uint8Array bytes,
 * undefined 204; a `Response` is sent as it is, and a `ReadableStream` is streamed. A plain value costs no
 * promise. An HttpError that it throws becomes the response; any other error becomes 500.
 */
export type Handler<O extends RouteOptions = RouteOptions, Path extends string = string> = (
  ctx: Context<O, Path>,
) => HandlerResult<O>;

/**
 * What a handler may return. When its route declares `response` schemas, it is a value of one of them, or a
 * response that was made in another way: by a responder such as `ctx.json`, a `Response`, a stream.
 */
export type HandlerResult<O extends RouteOptions = RouteOptions> =
  unknown extends DeclaredBody<O['response']>
    ? unknown
    : DeclaredResponse<O['response']> | Promise<DeclaredResponse<O['response']>>;

/** The responses of a route with these `response` schemas. */
export type DeclaredResponse<Schemas> = DeclaredBody<Schemas> | Sent | Response | ReadableStream;

/**
 * A WebSocket route. Its requests pass the hooks of the application and its groups like any other.
 * @typeParam D what `upgrade` returns
 * @typeParam Path the path of the route
 */
export interface WebSocketOptions<D = undefined, Path extends string = string>
  extends WebSocketEvents<D, PathParams<Path>>,
    WebSocketLimits,
    CommonDocs,
    Pick<RouteOptions, 'internal' | 'timeoutMs'> {
  /**
   * Runs after the hooks, before the connection becomes a WebSocket. Throwing or responding here refuses it.
   * Fields that are set with `ctx.header` are sent with the handshake. `ctx` ends here, so return what the
   * socket needs.
   */
  upgrade?(ctx: Context<RouteOptions, Path>): D | Promise<D>;
}

/**
 * Declares a route.
 * @returns the application, whose type has the route now
 */
interface Route<Method extends string, Routes, Prefix extends string> {
  <const Path extends string, const O extends RouteOptions>(
    path: Path,
    options: O & CheckedParams<O, Prefix, Path>,
    handler: Handler<O, JoinedPath<Prefix, Path>>,
  ): Application<Routes & RouteEntry<Method, Path, O>, Prefix>;
  <const Path extends string>(
    path: Path,
    handler: Handler<RouteOptions, JoinedPath<Prefix, Path>>,
  ): Application<Routes & RouteEntry<Method, Path, unknown>, Prefix>;
}

type AllMethods = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * The application that `routes(app, deps)` of a service gets. Misuse, such as a bad pattern or a route that
 * is declared twice, throws while the process starts. Every function that declares something returns the
 * application, so that declarations can be chained.
 * @typeParam Routes the routes that were declared in this chain, by method and path: what `call(service)`
 *   knows of the service
 * @typeParam Prefix the prefix of the group, whose parameters its handlers have
 */
export interface Application<out Routes = unknown, in out Prefix extends string = AnyPrefix> {
  readonly get: Route<'GET', Routes, Prefix>;
  readonly post: Route<'POST', Routes, Prefix>;
  readonly put: Route<'PUT', Routes, Prefix>;
  readonly patch: Route<'PATCH', Routes, Prefix>;
  readonly delete: Route<'DELETE', Routes, Prefix>;
  readonly options: Route<'OPTIONS', Routes, Prefix>;
  /** Declares the route for GET, POST, PUT, PATCH and DELETE. */
  readonly all: Route<AllMethods, Routes, Prefix>;
  /** Declares a WebSocket at this path, which must have no GET route. */
  ws<const Path extends string, D = undefined>(
    path: Path,
    options: WebSocketOptions<D, JoinedPath<Prefix, Path>>,
  ): Application<Routes, Prefix>;
  /**
   * Mounts an application of the fetch standard (`Request -> Response`), such as one of Hono, H3 or Elysia:
   * it serves every method of the prefix and of all paths below it that no other route has, except CONNECT,
   * TRACE, TRACK, and names that are not in upper case: 501. Limits, hooks and switches apply around it.
   * @param prefix static text; `/` for all paths
   * @example app.mount('/blog', new Hono().get('/posts/:id', (c) => c.json({ id: c.req.param('id') })));
   */
  mount(prefix: string, application: FetchApplication): Application<Routes, Prefix>;
  mount(prefix: string, options: FetchOptions, application: FetchApplication): Application<Routes, Prefix>;
  /**
   * Mounts an application of `node:http` (`(req, res)`), such as one of Express or Fastify, as it is: it gets
   * the objects of Node.js, and serves what one of `mount` does. The limits, hooks and switches of this
   * process apply around it. It needs the HTTP core on `node:http` (`HTTP_CORE=node`); on the other one the
   * start fails.
   * @param prefix static text; `/` for all paths. `req.url` has none of it, `req.originalUrl` has all
   * @example app.mountNode('/old', (request, response) => response.end(`the path is ${request.url}`));
   */
  mountNode(prefix: string, application: NodeApplication): Application<Routes, Prefix>;
  mountNode(prefix: string, options: NodeOptions, application: NodeApplication): Application<Routes, Prefix>;
  /**
   * Publishes a message to all subscribers of a topic of this service, on every worker. May be called at any
   * time.
   * @param isBinary @default true for a Uint8Array, false for a string
   * @throws TypeError for a topic, a message or an `isBinary` of another type
   */
  publish(topic: string, data: string | Uint8Array, isBinary?: boolean): void;
  /** Declares a group of routes and hooks below a prefix. In it, `/` is the prefix itself. */
  readonly group: Group<Routes, Prefix>;
  /** Declares a hook for all routes of the application or group, even those that were declared before. */
  hook<K extends keyof Hooks>(name: K, hook: NonNullable<Hooks[K]>): Application<Routes, Prefix>;
}

interface Group<Routes, Prefix extends string> {
  <const Inner extends string, Added = unknown>(
    prefix: Inner,
    fill: Fill<Added, JoinedPrefix<Prefix, Inner>>,
  ): Application<Routes & PrefixedRoutes<Inner, Added>, Prefix>;
  <const Inner extends string, Added = unknown>(
    prefix: Inner,
    options: GroupOptions,
    fill: Fill<Added, JoinedPrefix<Prefix, Inner>>,
  ): Application<Routes & PrefixedRoutes<Inner, Added>, Prefix>;
}

/**
 * Declares the routes of a group, and returns its application when callers are to know them.
 */
type Fill<Added, Prefix extends string> = (
  app: Application<unknown, Prefix>,
) => Application<Added, Prefix> | Nothing;

/** One mounted route, for `/workers`, metrics labels, `multilane routes` and OpenAPI. */
export interface RouteInfo {
  readonly service: string;
  readonly method: string;
  /** The path as declared: `/api/users/:id`. */
  readonly path: string;
  /** The path in metric labels and span names: `/api/users/{id}`. */
  readonly template: string;
  readonly webSocket: boolean;
  /** It is one of a mounted application, whose own routes are not known. */
  readonly mounted?: boolean;
  /** No limit of the process applies to it. */
  readonly unlimited?: boolean;
  /** The options without hooks, including those of its groups. */
  readonly options: Omit<RouteOptions, keyof Hooks>;
}
