// The contract of this module: how one service calls another by name. The instance, the transport, and
// whether and how often the request is sent are decided behind it (registry view -> picker -> breaker ->
// transport).

import type { HttpError } from '../errors.js';
import type { PickerName } from '../upstream-options.js';
import type { NamedService } from './called-name.js';

type QueryValue = string | number | boolean | bigint | undefined;

/** Options of one call. An unknown option or a value of another type is a TypeError; nothing is sent then. */
export interface CallOptions {
  /**
   * Values of the parameters in the path: `/orders/:id` with `{ id: 7 }` is `/orders/7`. They are encoded,
   * those of `*` by segments.
   * @default none: the path is sent as it is; a client of a definition needs a value for every parameter
   */
  readonly params?: Readonly<Record<string, string | number | bigint>>;
  /**
   * Query parameters; those that are undefined are omitted. A URLSearchParams, or another iterable of pairs,
   * may contain a name several times.
   */
  readonly query?:
    | Readonly<Record<string, QueryValue>>
    | Iterable<readonly [name: string, value: QueryValue]>;
  /**
   * Header fields; those that are undefined are omitted, so an optional field of a client can be passed on.
   */
  readonly headers?:
    | Readonly<Record<string, string | undefined>>
    | Iterable<readonly [name: string, value: string | undefined]>;
  /** A value that is sent as application/json. */
  readonly json?: unknown;
  /**
   * Bytes or a text, or a source of such pieces: a Node.js stream, a web stream or another async iterable.
   *
   * A source is read no faster than the instance takes it. It is sent in chunks, or, where the call has the
   * header field `content-length`, with that length. When the call has ended, in whatever way, the source is
   * released: a stream is destroyed or cancelled, and `return` of an iterator is called. The request is
   * repeated only while nothing of the source was read.
   *
   * The call fails with a RequestBodyError when the source throws, yields another value, has not as many
   * bytes as announced, or yields nothing for STREAM_IDLE_MS. That counts for no instance. A piece must not
   * be changed after it was yielded.
   * @example
   * ```ts
   * await call('files').put('/files/7', { body: createReadStream(path), timeoutMs: 600_000 });
   * ```
   */
  readonly body?: Uint8Array | string | StreamedBody;
  /** Sent as `Idempotency-Key`: 1 to 255 visible ASCII characters. A POST or PATCH with it may be retried. */
  readonly idempotencyKey?: string;
  /**
   * Milliseconds that the call may take, within the deadline of the running request.
   * @default only that deadline; 30000 outside of a request
   */
  readonly timeoutMs?: number;
  /**
   * The number of attempts beyond the first. Calls that are not idempotent are repeated only when no handler
   * has got the request.
   * @default 2
   */
  readonly retries?: number;
  /**
   * Milliseconds after which the same request is sent to another instance as well; the first good response is
   * used. It happens at most once per call, only for a request that may be repeated, and only while the retry
   * budget has tokens and there is another instance.
   * @default no second request
   */
  readonly hedgeMs?: number;
  /**
   * The number of calls to this service that may run at once, counted over all workers and over all calls
   * that set this option; beyond it the call fails with OVERLOADED. All attempts of one call count as one.
   * @default no limit
   */
  readonly maxConcurrent?: number;
  /**
   * Shares one call, in all workers, between all callers that request the same (service, path, query and
   * header fields) with the same limits (`retries`, `hedgeMs`, `maxConcurrent`) at the same time. GET only.
   * Nothing is stored.
   * @default false
   * @example
   * ```ts
   * // Header fields are compared, so callers with different credentials never share a response.
   * await call('catalog').get('/prices', { headers: { authorization }, singleFlight: true });
   * ```
   */
  readonly singleFlight?: boolean;
  /**
   * `true` resolves with the head of the response: see StreamedCallOptions.
   * @default false
   */
  readonly stream?: false;
  /**
   * Calls instances of this version only: the `version` that they were registered with. When there is none,
   * the call fails with NO_INSTANCE.
   * @default instances of any version
   */
  readonly version?: string;
  /**
   * Calls with the same key go to the same instance of the service, from all workers and processes, so that
   * it can keep what belongs to the key. When an instance comes or leaves, only its share of the keys moves.
   * While an instance has a quarter more calls than the mean, or its breaker is open, the next one gets them.
   * @default an instance with few calls, the nearest first
   */
  readonly hashKey?: string;
  /**
   * How one of several equally near instances is chosen: `p2c`, `prequal`, `round-robin` or `auto`. A
   * `hashKey` goes before it.
   * @default that of the service (`upstreams` of the configuration), else `auto`
   */
  readonly picker?: PickerName;
  /** Cancels the call when it aborts; in a handler the signal of the request does so as well. */
  readonly signal?: AbortSignal;
  /**
   * Makes the result of the call when the service is not available: when, after all its attempts, it has
   * failed with 502, 503 or 504, be it as an error (NO_INSTANCE, BREAKER_OPEN, BAD_UPSTREAM, OVERLOADED,
   * DEADLINE_EXCEEDED) or as the status of a response. It gets the error, or one that stands for the
   * response. What it throws is the error of the call.
   *
   * It is not called when the caller is to blame or waits no more: for a TypeError, any other status, an
   * abort, and after the deadline of the running request. So give a call that has one a shorter `timeoutMs`.
   * @default none: the call fails
   * @example
   * ```ts
   * const fallback = () => ({ json: lastKnown });
   * const response = await call('prices').get('/now', { timeoutMs: 300, fallback });
   * ```
   */
  readonly fallback?: Fallback<FallbackResponse | CallResponse>;
}

/** A body that is sent piece by piece. A text is sent in UTF-8. */
export type StreamedBody = AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array | string>;

/**
 * Options of a call whose response is read as it arrives. Its body may have any length, and `retries` apply
 * until its head has arrived. `hedgeMs`, `singleFlight` and `fallback` need a whole response: each is a
 * TypeError here.
 */
export interface StreamedCallOptions
  extends Omit<CallOptions, 'stream' | 'singleFlight' | 'hedgeMs' | 'fallback'> {
  /** Resolves when the head of the response has arrived. */
  readonly stream: true;
  /**
   * Milliseconds that the call may take, including the body.
   * @default within a request its deadline, as long as that holds: not beyond the first byte of a response
   *   that the handler streams; 30000 outside of a request
   */
  readonly timeoutMs?: number;
}

/**
 * Makes what stands in for the response of a call that has failed.
 * @typeParam R what stands in for the response
 */
export type Fallback<R> = (error: HttpError) => R | Promise<R>;

/** What stands in for a response. An unknown member or a value of another type is a TypeError. */
export interface FallbackResponse extends Pick<CallOptions, 'headers' | 'json'> {
  readonly body?: Uint8Array | string;
  /** @default 200 */
  readonly status?: number;
}

/**
 * A response of any status. Its methods return new values each time, also when the service runs in this
 * process.
 */
export interface CallResponse {
  readonly status: number;
  /**
   * The header fields, by lower-case names, without `x-multilane-*`. Several values of a name are joined by a
   * comma, those of `set-cookie` by a line end.
   */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * True when the runtime of the callee asserts that no handler ran: a 503 problem document with
   * `executed: false` and the field `x-multilane-executed: false`, after every attempt of the call. The same
   * request may then be sent again, whatever its method.
   */
  readonly notExecuted: boolean;
  /** True when the response is that of the option `fallback`, and not of the service. */
  readonly isFallback: boolean;
  /** @throws HttpError BAD_UPSTREAM when the body is not JSON */
  json<T = unknown>(): T;
  text(): string;
  bytes(): Uint8Array;
}

/** A response of any status whose body is read as it arrives. */
export interface StreamedCallResponse extends Pick<CallResponse, 'status' | 'headers' | 'notExecuted'> {
  /**
   * The body, empty where the response has none (204, 304, and for HEAD). It is received no faster than it is
   * read. A handler may respond with it (`ctx.stream`), or pass it on as the `body` of another call.
   *
   * Until it has ended, the call counts as load of its instance and holds its permit of `maxConcurrent`. So
   * read it to its end or cancel it: one that is not read for STREAM_IDLE_MS is ended with an error
   * (`INTERNAL`). Reading throws BAD_UPSTREAM when the instance cuts it off, or sends nothing for
   * STREAM_IDLE_MS; DEADLINE_EXCEEDED; or the reason of an abort. Such a call is not repeated.
   */
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * Options of one call by gRPC. An unknown option or a value of another type is a TypeError; nothing is sent
 * then. Those that calls of HTTP have too mean the same.
 */
export interface RpcCallOptions
  extends Pick<
    CallOptions,
    | 'idempotencyKey'
    | 'timeoutMs'
    | 'retries'
    | 'hedgeMs'
    | 'maxConcurrent'
    | 'version'
    | 'hashKey'
    | 'picker'
    | 'signal'
  > {
  /**
   * Metadata; those that are undefined are omitted. Names that end in `-bin` have bytes, all others printable
   * ASCII. Names of the protocol are omitted.
   */
  readonly metadata?:
    | Readonly<Record<string, string | Uint8Array | undefined>>
    | Iterable<readonly [name: string, value: string | Uint8Array | undefined]>;
  /**
   * As `fallback` of other calls. It returns the message of the response, as a handler of the method would.
   * @default none: the call fails
   */
  readonly fallback?: Fallback<object>;
}

/** The response of a gRPC method. */
export interface RpcResponse<Message> {
  readonly message: Message;
  /**
   * The metadata of the response and its trailers, by lower-case names. Several values of a name are joined
   * by a comma. Names that end in `-bin` have bytes; of several values there is the first.
   */
  readonly headers: Readonly<Record<string, string | Uint8Array>>;
  /** True when the message is that of the option `fallback`, and not of the service. */
  readonly isFallback: boolean;
}

/** An unknown option or a value of another type is a TypeError. */
export interface ClientOptions {
  /**
   * `network`: an instance in this process is called as any other is, over its socket and not sooner than
   * others. That costs many times the CPU time; it is for tests, comparisons, and services whose load is to
   * be spread over all machines wherever it comes from.
   * @default an instance in this process, without a socket, as long as there is one
   */
  readonly prefer?: 'network';
}

/**
 * Calls of one service. Every method but `grpc` returns a response of any status.
 * @throws HttpError NO_INSTANCE, BREAKER_OPEN, OVERLOADED, DEADLINE_EXCEEDED or BAD_UPSTREAM when there is no
 *   response; TypeError for arguments that cannot be sent; the reason of a signal that aborts
 */
export interface ServiceClient {
  readonly get: CallMethod;
  readonly post: CallMethod;
  readonly put: CallMethod;
  readonly patch: CallMethod;
  readonly delete: CallMethod;
  request(method: string, path: string, options: StreamedCallOptions): Promise<StreamedCallResponse>;
  request(method: string, path: string, options?: CallOptions): Promise<CallResponse>;
  /**
   * Calls a method of gRPC with one request and one response (docs/grpc.md). Messages are plain objects. A
   * method that its .proto file declares as idempotent (`idempotency_level`), or a call with an
   * `idempotencyKey`, is repeated as idempotent methods of HTTP are.
   * @param method its name, with its service where the name alone is not unique: `OrderService/GetUserOrders`
   * @throws RpcError for any status but OK
   * @example
   * ```ts
   * const { message } = await call('orders').grpc<GetUserOrdersResponse>('GetUserOrders', { userId: 7 });
   * ```
   */
  grpc<Response = unknown>(
    method: string,
    message: object,
    options?: RpcCallOptions,
  ): Promise<RpcResponse<Response>>;
}

/** Calls of one method of HTTP. */
export interface CallMethod {
  /** Resolves when the head of the response has arrived. */
  (path: string, options: StreamedCallOptions): Promise<StreamedCallResponse>;
  (path: string, options?: CallOptions): Promise<CallResponse>;
}

/**
 * @param service its name, or its definition: then a parameter in the path of a call must have its value
 * @returns the client of a service
 * @throws TypeError for what is not a service, and for options
 */
export type CallByName = (service: string | NamedService, options?: ClientOptions) => ServiceClient;
