// A call by gRPC: its arguments as the request of a call, and the response of the call as a message or an
// error. Between the two it is a call like any other (call-service.ts).
import { type FieldError, type GrpcStatus, grpcStatusOf, HttpError } from '../errors.js';
import { FieldLimitError } from '../grpc/field-limit.js';
import type { MethodIndex } from '../grpc/method-index.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import { RpcError } from '../rpc-error.js';
import type { CallResponse, RpcCallOptions, RpcResponse } from './call.js';
import type { CallObserver } from './call-observer.js';
import { type CallRequest, routeOf } from './call-request.js';
import { withFallback } from './fallback.js';
import { callerMetadata } from './grpc-metadata.js';
import { rpcFields } from './method-call-options.js';
import { STATUS_FIELD } from './rpc-fields.js';

/** Where the methods of a service are found; `KnownProtos` of src/grpc. */
export interface MethodSource {
  of(service: string): MethodIndex | Promise<MethodIndex>;
}

/** What a call of a method needs. */
export interface MethodCallDependencies {
  readonly methods: MethodSource;
  readonly observer: CallObserver;
  /** Makes the call. */
  readonly make: (request: CallRequest) => Promise<CallResponse>;
}

/** What a call of a method is made of. */
interface RpcArguments {
  readonly name: string;
  readonly message: unknown;
  readonly options: RpcCallOptions;
  /** The option `prefer: 'network'` of the client. */
  readonly overNetwork: boolean;
}

/** @throws TypeError for arguments that cannot be sent */
export function callMethod(
  { methods, observer, make }: MethodCallDependencies,
  service: string,
  { name, message, options, overNetwork }: RpcArguments,
): Promise<RpcResponse<never>> {
  const headers = rpcFields(options);
  const index = methods.of(service);
  const send = (found: MethodIndex): Promise<RpcResponse<never>> => {
    const method = unary(service, found.find(name));
    const { path, isIdempotent } = method;
    const body = method.request.encode(message);
    const content = {
      path,
      isIdempotent,
      overNetwork,
      ...routeOf(options),
      headers,
      body,
    };
    const request: CallRequest = { protocol: 'grpc', method: 'POST', ...content };
    const call = () => make(request).then((response) => result(service, method, response));
    const { fallback, signal } = options;
    if (fallback === undefined) return call();
    return withFallback(observer, {
      service,
      signal,
      make: call,
      failureOf: () => undefined,
      fallback: async (error) => substitute(method, await fallback(error)),
    });
  };
  return index instanceof Promise ? index.then(send) : send(index);
}

function unary(service: string, method: RpcMethod): RpcMethod {
  if (!method.requestStream && !method.responseStream) return method;
  throw new TypeError(
    `call('${service}').grpc calls methods with one request and one response; ${method.path.slice(1)} streams: ` +
      'use a client of @grpc/grpc-js for it',
  );
}

function result(service: string, method: RpcMethod, response: CallResponse): RpcResponse<never> {
  if (response.status !== 200) throw errorOf(service, response);
  try {
    const message = method.response.decode(response.bytes()) as never;
    return { message, headers: callerMetadata(response.headers), isFallback: false };
  } catch (cause) {
    const detail =
      cause instanceof FieldLimitError
        ? `Service ${service} sent a response with more fields than are accepted.`
        : `The response of service ${service} is not a ${method.response.type}.`;
    throw new HttpError('BAD_UPSTREAM', detail, { cause });
  }
}

/** The message of a fallback, as it would be if the service had sent it. @throws TypeError for another one */
function substitute({ response }: RpcMethod, message: unknown): RpcResponse<never> {
  return { message: response.decode(response.encode(message)) as never, headers: {}, isFallback: true };
}

type Problem = Readonly<Record<string, unknown>>;

/** The members that every problem document has; the others are of its code. */
const COMMON = ['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId', 'executed', 'errors'];

function errorOf(service: string, response: CallResponse): RpcError {
  const { status, headers, notExecuted } = response;
  const problem = response.json<Problem>();
  const { code, detail = '', errors } = problem;
  const { [STATUS_FIELD]: sent } = headers;
  const name = typeof code === 'string' ? code : (sent ?? 'UNKNOWN');
  const members = Object.fromEntries(Object.entries(problem).filter(([member]) => !COMMON.includes(member)));
  return new RpcError(name, String(detail), {
    service,
    status,
    grpc: (sent as GrpcStatus | undefined) ?? grpcStatusOf(name, status),
    // Without a code, 429 is RESOURCE_EXHAUSTED, mostly because of a message that is too long.
    retryable: status === 503 || (status === 429 && code !== undefined),
    notExecuted,
    hasCode: code !== undefined,
    trailers: callerMetadata(headers),
    ...(Object.keys(members).length > 0 && { members }),
    ...(Array.isArray(errors) && { errors: errors as readonly FieldError[] }),
  });
}
