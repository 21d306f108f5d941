// The contract of gRPC handlers: what `grpc` of a service declares. Everything else in server/grpc/
// implements it. Requests and responses are plain objects in the form that docs/grpc.md describes.
import type { Context, RouteOptions } from '../handler.js';

/**
 * What a handler knows of its call. `headers` are the metadata of the call; binary ones (`…-bin`) are in
 * base64. `header(name, value)` sets metadata that is sent before the first message.
 */
export type RpcContext = Pick<
  Context,
  'headers' | 'ip' | 'requestId' | 'traceId' | 'signal' | 'deadline' | 'log' | 'state' | 'path'
> & { header(name: string, value: string): unknown };

type Later<T> = T | Promise<T>;
/** What a stream of responses may be returned as. */
export type Messages<T> = AsyncIterable<T> | Iterable<T>;

/** One request, one response. */
export type UnaryHandler<Request = never, Response = unknown> = (
  request: Request,
  ctx: RpcContext,
) => Later<Response>;
/** One request, a stream of responses, which is written no faster than the client reads it. */
export type ServerStreamHandler<Request = never, Response = unknown> = (
  request: Request,
  ctx: RpcContext,
) => Messages<Response>;
/** A stream of requests, one response. */
export type ClientStreamHandler<Request = never, Response = unknown> = (
  requests: AsyncIterable<Request>,
  ctx: RpcContext,
) => Later<Response>;
/** A stream of requests and one of responses, each at its own pace. */
export type BidiHandler<Request = never, Response = unknown> = (
  requests: AsyncIterable<Request>,
  ctx: RpcContext,
) => Messages<Response>;

/** A handler of any kind; which one a method takes is in its .proto file. */
export type RpcHandler = UnaryHandler | ServerStreamHandler | ClientStreamHandler | BidiHandler;

/**
 * The options of a method, as those of a route. `timeoutMs` bounds the time to the response, or to the first
 * message of a stream; a shorter `grpc-timeout` of the client ends its own call. An `internal` method is
 * UNIMPLEMENTED for other clients than those of the mesh.
 */
export type RpcOptions = Pick<
  RouteOptions,
  'timeoutMs' | 'rateLimit' | 'priority' | 'maxConcurrent' | 'internal'
>;

/** A method with options: `{ timeoutMs: 500, handler(request, ctx) { … } }`. */
export type RpcMethodWithOptions = RpcOptions & { readonly handler: RpcHandler };

/** Handlers by the name of the gRPC service, short or full, and of the method. */
export type RpcHandlers = Readonly<
  Record<string, Readonly<Record<string, RpcHandler | RpcMethodWithOptions>>>
>;
