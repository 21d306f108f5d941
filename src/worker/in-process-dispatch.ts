// A call to a service of this worker goes through the same pipeline as a request, without a socket.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { currentScope } from '../scope.js';
import type { App } from '../server/app.js';
import { injectText, type ResponseBound } from '../server/inject.js';
import type { InjectedRequest } from '../server/inject-exchange.js';
import { type Dispatch, MAX_RESPONSE_BYTES, type OutgoingRequest } from '../upstream/transport.js';
import { OversizedError } from '../upstream/transport-errors.js';

/** A call within this many others that have not returned yet begins in a later turn, with an empty stack. */
const MOST_ON_STACK = 16;

/** @param rpcReady mounts the gRPC methods of the services, with the first call by gRPC */
export function inProcessDispatch(app: App, rpcReady: () => Promise<unknown>): Dispatch {
  let onStack = 0;
  let isRpcReady = false;
  const run: Dispatch = (service, request) => {
    const given = injected(request);
    const dispatch = (): ReturnType<Dispatch> => {
      onStack++;
      try {
        return injectText(app, given, new CallBound(service));
      } finally {
        onStack--;
      }
    };
    return onStack < MOST_ON_STACK ? dispatch() : nextTurn().then(dispatch);
  };
  return (service, request) => {
    if (request.protocol !== 'grpc' || isRpcReady) return run(service, request);
    return rpcReady().then(() => {
      isRpcReady = true;
      return run(service, request);
    });
  };
}

function injected(request: OutgoingRequest): InjectedRequest {
  const { method, path: url, headers, body, abort } = request;
  // Reading the signal creates it.
  const signal = abort === undefined ? request.signal : undefined;
  const callDepth = (currentScope()?.callDepth ?? 0) + 1;
  const isRpc = request.protocol === 'grpc';
  return { method, url, headers, body, isRpc, inProcess: true, callDepth, abort, signal };
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
