// A call to a service of this worker goes through the same pipeline as a request, without a socket.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { currentScope } from '../scope.js';
import type { App } from '../server/app.js';
import { clientClosed } from '../server/body/body.js';
import type { HeadLimits } from '../server/framing.js';
import { handleInjected, injectText, type ResponseBound } from '../server/inject.js';
import { InjectExchange, type InjectedRequest } from '../server/inject-exchange.js';
import {
  type Dispatch,
  MAX_RESPONSE_BYTES,
  type OutgoingRequest,
  type StreamDispatch,
} from '../upstream/transport.js';
import { OversizedError } from '../upstream/transport-errors.js';

/** A call within this many others that have not returned yet begins in a later turn, with an empty stack. */
const MOST_ON_STACK = 16;

/**
 * @param limits of URL and header, as over the network
 * @param rpcReady mounts the gRPC methods of the services, with the first call by gRPC
 */
export function inProcessDispatch(app: App, limits: HeadLimits, rpcReady: () => Promise<unknown>): Dispatch {
  const stack = new ShortStack();
  let isRpcReady = false;
  const run: Dispatch = (service, request) => {
    const given = injected(request, limits);
    return stack.begin(() => injectText(app, given, new CallBound(service)));
  };
  return (service, request) => {
    if (request.protocol !== 'grpc' || isRpcReady) return run(service, request);
    return rpcReady().then(() => {
      isRpcReady = true;
      return run(service, request);
    });
  };
}

/** The same for calls whose responses are streamed. */
export function inProcessStreams(app: App, limits: HeadLimits): StreamDispatch {
  const stack = new ShortStack();
  return (_service, { method, path: url, headers, body }, receiver) => {
    const fields = Object.create(null) as Record<string, string>;
    for (let i = 0; i < headers.length; i += 2) fields[headers[i]!] = headers[i + 1]!;
    const request = { method, url, headers: fields, body, inProcess: true, limits, ...waiting() };
    const exchange = new InjectExchange(request, receiver);
    const begun = stack.begin(async () => {
      if (!exchange.closed) handleInjected(app, exchange, request);
    });
    begun.catch((error: unknown) => exchange.leave(error));
    return () => exchange.leave(clientClosed());
  };
}

/** Begins requests, in a later turn where the stack is long. */
class ShortStack {
  #height = 0;

  begin<T>(request: () => Promise<T>): Promise<T> {
    if (this.#height < MOST_ON_STACK) return this.#begin(request);
    return nextTurn().then(() => {
      // Nothing is on the stack now. Calls that V8 has terminated (the timeout of node:vm) still count.
      this.#height = 0;
      return this.#begin(request);
    });
  }

  #begin<T>(request: () => Promise<T>): Promise<T> {
    this.#height++;
    try {
      return request();
    } finally {
      this.#height--;
    }
  }
}

/** What waits for a request of the running work. */
function waiting(): Required<Pick<InjectedRequest, 'callDepth' | 'sharedWork'>> {
  const scope = currentScope();
  return { callDepth: (scope?.callDepth ?? 0) + 1, sharedWork: scope?.sharedWork };
}

function injected(request: OutgoingRequest, limits: HeadLimits): InjectedRequest {
  const { method, path: url, headers, body, abort } = request;
  // Reading the signal creates it.
  const signal = abort === undefined ? request.signal : undefined;
  const isRpc = request.protocol === 'grpc';
  return {
    method,
    url,
    headers,
    body,
    isRpc,
    inProcess: true,
    ...waiting(),
    limits,
    abort,
    signal,
  };
}

class CallBound implements ResponseBound {
  readonly maxBytes = MAX_RESPONSE_BYTES;
  readonly #service: string;

  constructor(service: string) {
    this.#service = service;
  }

  exceeded(): OversizedError {
    return new OversizedError(`The response of service ${this.#service} is larger than is accepted.`);
  }
}
