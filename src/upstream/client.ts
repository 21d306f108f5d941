// The client of other services: `call(service)` of the request context. A call may be shared
// (`singleFlight`), or limited (`maxConcurrent`), and is then made by call-service.ts.
import { KnownProtos } from '../grpc/known-protos.js';
import { describeValue } from '../options.js';
import { isServiceName } from '../service-name.js';
import type { Balancer } from './balancer.js';
import type { Call, CallOptions, CallResponse, ServiceClient } from './call.js';
import { type CallRequest, checkedRequest } from './call-request.js';
import { callService, reported, type ServiceCallDependencies } from './call-service.js';
import { type MaxConcurrentDependencies, withinMaxConcurrent } from './max-concurrent.js';
import { callMethod, type MethodSource } from './method-call.js';
import { shareCall } from './shared-call.js';
import type { SingleFlight } from './single-flight.js';

export interface CallDependencies extends ServiceCallDependencies, MaxConcurrentDependencies {
  readonly balancer: Pick<Balancer, 'pick' | 'knows'>;
  readonly singleFlight: SingleFlight;
  /**
   * The methods of services that are called by gRPC.
   * @default none
   */
  readonly methods?: MethodSource;
}

const NO_OPTIONS: CallOptions = Object.freeze({});
/** The most services whose clients are kept; that of a further service is made for each call. */
const KEPT_CLIENTS = 512;

export function createCall(dependencies: CallDependencies): Call {
  const clients = new Map<string, ServiceClient>();
  return (service) => {
    let client = clients.get(service);
    if (client === undefined) {
      if (!isServiceName(service)) {
        throw new TypeError(
          `call: ${describeValue(service)} is not a service name; give one, as in call('orders')`,
        );
      }
      client = clientOf(dependencies, service);
      if (clients.size < KEPT_CLIENTS) clients.set(service, client);
    }
    // A copy, so a caller that replaces a method does not change it for others.
    return { ...client };
  };
}

function clientOf(dependencies: CallDependencies, service: string): ServiceClient {
  const send: ServiceClient['request'] = (method, path, options = NO_OPTIONS) => {
    try {
      return start(dependencies, service, checkedRequest(method, path, options), options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
  return {
    request: send,
    get: (path, options) => send('GET', path, options),
    post: (path, options) => send('POST', path, options),
    put: (path, options) => send('PUT', path, options),
    patch: (path, options) => send('PATCH', path, options),
    delete: (path, options) => send('DELETE', path, options),
    grpc: (name, message, options = NO_OPTIONS) => {
      try {
        const { methods = NO_METHODS } = dependencies;
        const make = (request: CallRequest) => makeCall(dependencies, service, request, options);
        return callMethod(methods, service, { name, message, options }, make);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
  };
}

const NO_METHODS: MethodSource = new KnownProtos(new Map());

function start(
  dependencies: CallDependencies,
  service: string,
  request: CallRequest,
  options: CallOptions,
): Promise<CallResponse> {
  if (options.singleFlight !== true) return makeCall(dependencies, service, request, options);
  return reported(
    shareCall(
      dependencies,
      service,
      (shared, sharedOptions) => makeCall(dependencies, service, shared, sharedOptions),
      request,
      options,
    ),
  );
}

function makeCall(
  dependencies: CallDependencies,
  service: string,
  request: CallRequest,
  options: CallOptions,
): Promise<CallResponse> {
  const { maxConcurrent } = options;
  if (maxConcurrent === undefined) return callService(dependencies, service, request, options);
  const run = () => callService(dependencies, service, request, options);
  return reported(
    withinMaxConcurrent(dependencies, { service, protocol: request.protocol }, maxConcurrent, run),
  );
}
