// A call by gRPC: its arguments as the request of a call, and the response of the call as a message or an
// error. Between the two it is a call like any other (call-service.ts).
import { type FieldError, type GrpcStatus, grpcStatusOf, HttpError } from '../errors.js';
import { FieldLimitError } from '../grpc/field-limit.js';
import type { MethodIndex } from '../grpc/method-index.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import { RpcError } from '../rpc-error.js';
import type { CallResponse, RpcCallOptions, RpcResponse } from './call.js';
import { type CallRequest, routeOf } from './call-request.js';
import { callerMetadata } from './grpc-metadata.js';
import { rpcFields } from './method-call-options.js';
import { STATUS_FIELD } from './rpc-fields.js';

/** Where the methods of a service are found; `KnownProtos` of src/grpc. */
export interface MethodSource {
  of(service: string): MethodIndex | Promise<MethodIndex>;
}

type Make = (request: CallRequest, options: RpcCallOptions) => Promise<CallResponse>;

/** What a call of a method is made of. */
interface RpcArguments {
  readonly name: string;
  readonly message: unknown;
  readonly options: RpcCallOptions;
}

/**
 * @param make makes the call
 * @throws TypeError for arguments that cannot be sent
 */
export function callMethod(
  methods: MethodSource,
  service: string,
  args: RpcArguments,
  make: Make,
): Promise<RpcResponse<never>> {
  const headers = rpcFields(args.options);
  const index = methods.of(service);
  const send = (found: MethodIndex): Promise<RpcResponse<never>> => {
    const method = unary(service, found.find(args.name));
    const { path, isIdempotent } = method;
    const body = method.request.encode(args.message);
    const overNetwork = args.options.network === true;
    const content = {
      path,
      isIdempotent,
      overNetwork,
      ...routeOf(args.options),
      headers,
      body,
    };
    const request: CallRequest = { protocol: 'grpc', method: 'POST', ...content };
    return make(request, args.options).then((response) => result(service, method, response));
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
    return { message, headers: callerMetadata(response.headers) };
  } catch (cause) {
    const detail =
      cause instanceof FieldLimitError
        ? `Service ${service} sent a response with more fields than are accepted.`
        : `The response of service ${service} is not a ${method.response.type}.`;
    throw new HttpError('BAD_UPSTREAM', detail, { cause });
  }
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
