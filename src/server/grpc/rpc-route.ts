// Makes the handler of a route from the handler of a gRPC method: it decodes the request, and encodes what
// the handler returns. Which of the two are streams is in the .proto file.
import { types } from 'node:util';
import { errorMessage } from '../../error-text.js';
import { HttpError } from '../../errors.js';
import { FieldLimitError, MAX_FIELDS } from '../../grpc/field-limit.js';
import type { MessageCodec, RpcMethod } from '../../grpc/rpc-method.js';
import type { Handler } from '../handler.js';
import { adopted, isPromise } from '../promise.js';
import type { RequestContext } from '../request-context.js';
import { kindOf } from '../value-kind.js';
import { GrpcExchange } from './grpc-exchange.js';
import { RpcCallContext } from './rpc-call-context.js';
import { frameOf } from './rpc-frames.js';
import type { RpcContext, RpcHandler } from './rpc-handler.js';

const MEDIA_TYPE = 'application/grpc';

type AnyHandler = (request: unknown, ctx: RpcContext) => unknown;

export function rpcRouteHandler(method: RpcMethod, handler: RpcHandler): Handler {
  const call = handler as AnyHandler;
  const { request, response, path } = method;
  const requestOf = method.requestStream ? requestsOf : oneRequestOf;
  return ((ctx: RequestContext): unknown => {
    const returned = call(requestOf(ctx, request), new RpcCallContext(ctx));
    if (!method.responseStream) {
      if (isPromise(returned)) return adopted(returned).then((late) => encoded(response, late, path));
      return encoded(response, returned, path);
    }
    return ctx.stream(frames(response, streamed(returned, path), path), MEDIA_TYPE);
  }) as Handler;
}

/** @throws HttpError MALFORMED_BODY, BODY_TOO_LARGE */
function oneRequestOf({ exchange }: RequestContext, codec: MessageCodec): object {
  let bytes: Uint8Array | undefined;
  exchange.readBody((piece) => {
    bytes = piece;
  });
  return decoded(codec, bytes!);
}

/** @throws Error for calls without a connection */
function requestsOf(ctx: RequestContext, codec: MessageCodec): AsyncIterableIterator<object> {
  const requests = decodedOf(ctx, codec);
  return {
    next() {
      const next = requests.next();
      // A handler may have responded, or failed, while it reads ahead: nothing is left to catch its failure.
      next.catch(() => undefined);
      return next;
    },
    return: () => requests.return(undefined),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* decodedOf(ctx: RequestContext, codec: MessageCodec): AsyncGenerator<object, undefined> {
  const { exchange } = ctx;
  if (!(exchange instanceof GrpcExchange))
    throw new Error('a method with a stream of requests can be called over the network only');
  try {
    for await (const message of exchange.messages()) yield decoded(codec, message);
  } catch (error) {
    // The exchange knows that the response is complete, the request why that was before its time.
    throw ctx.isAborted ? ctx.signal.reason : error;
  }
  return undefined;
}

function decoded(codec: MessageCodec, bytes: Uint8Array): object {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    if (cause instanceof FieldLimitError)
      throw new HttpError('BODY_TOO_LARGE', `The request has more than ${MAX_FIELDS} fields.`, { cause });
    const detail = `The request is no message of the type ${codec.type}.`;
    throw new HttpError('MALFORMED_BODY', detail, { cause });
  }
}

function encoded(codec: MessageCodec, message: unknown, path: string): Uint8Array {
  try {
    return codec.encode(message);
  } catch (cause) {
    throw new TypeError(`${path}: the handler returned what cannot be sent: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

function streamed(returned: unknown, path: string): AsyncIterable<unknown> | Iterable<unknown> {
  const isIterable =
    typeof returned === 'object' &&
    returned !== null &&
    (Symbol.asyncIterator in returned || Symbol.iterator in returned);
  // A promise in a list may reject long before its turn to be sent comes.
  if (Array.isArray(returned))
    for (const one of returned) if (types.isPromise(one)) one.catch(() => undefined);
  if (isIterable) return returned as AsyncIterable<unknown>;
  // Its rejection is logged as that of a handler, not as one that nothing has caught.
  if (types.isPromise(returned)) returned.catch(() => undefined);
  throw new TypeError(
    `${path}: the handler must return an async iterable, such as that of an async generator (async *), not ${kindOf(returned)}`,
  );
}

async function* frames(
  codec: MessageCodec,
  messages: AsyncIterable<unknown> | Iterable<unknown>,
  path: string,
): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield frameOf(encoded(codec, message, path));
}
