// The client of other services: `call(service)` of the request context. A call may be shared
// (`singleFlight`), limited (`maxConcurrent`) or have a substitute (`fallback`); call-service.ts makes it.
import { KnownProtos } from '../grpc/known-protos.js';
import { describeValue } from '../options.js';
import { currentScope } from '../scope.js';
import { isServiceName } from '../service-name.js';
import type { Balancer } from './balancer.js';
import type { Call, CallOptions, CallResponse, ClientOptions, ServiceClient } from './call.js';
import { SILENT } from './call-observer.js';
import { prefersNetwork } from './call-options.js';
import { type CallRequest, checkedRequest } from './call-request.js';
import { type CallPolicies, callService, type ServiceCallDependencies } from './call-service.js';
import { reported, reporterOf } from './failure-report.js';
import { withFallback } from './fallback.js';
import { failureIn, fallbackResponse } from './fallback-response.js';
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

const NO_OPTIONS = Object.freeze({});
const NO_CLIENT_OPTIONS: ClientOptions = Object.freeze({});
/**
 * The most services whose clients are kept, for each value of `prefer`; that of a further service is made for
 * each call.
 */
const KEPT_CLIENTS = 512;

export function createCall(dependencies: CallDependencies): Call {
  const near = new Map<string, ServiceClient>();
  const overNetwork = new Map<string, ServiceClient>();
  return (service, options = NO_CLIENT_OPTIONS) => {
    const isOverNetwork = options !== NO_CLIENT_OPTIONS && prefersNetwork(options);
    const clients = isOverNetwork ? overNetwork : near;
    let client = clients.get(service);
    if (client === undefined) {
      if (!isServiceName(service)) {
        throw new TypeError(
          `call: ${describeValue(service)} is not a service name; give one, as in call('orders')`,
        );
      }
      client = clientOf(dependencies, service, isOverNetwork);
      if (clients.size < KEPT_CLIENTS) clients.set(service, client);
    }
    // A copy, so a caller that replaces a method does not change it for others.
    return { ...client };
  };
}

function clientOf(dependencies: CallDependencies, service: string, overNetwork: boolean): ServiceClient {
  const send: ServiceClient['request'] = (method, path, options = NO_OPTIONS) => {
    try {
      const request = checkedRequest(method, path, options, overNetwork);
      return options.fallback === undefined
        ? start(dependencies, service, request, options)
        : startWithFallback(dependencies, service, request, options, options.fallback);
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
        const { methods = NO_METHODS, observer = SILENT } = dependencies;
        const make = (request: CallRequest) => makeCall(dependencies, service, request, options);
        const args = { name, message, options, overNetwork };
        const result = callMethod({ methods, observer, make }, service, args);
        return options.fallback === undefined ? result : reported(result);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
  };
}

const NO_METHODS: MethodSource = new KnownProtos(new Map());

function startWithFallback(
  dependencies: CallDependencies,
  service: string,
  request: CallRequest,
  options: CallOptions,
  fallback: NonNullable<CallOptions['fallback']>,
): Promise<CallResponse> {
  return reported(
    withFallback(dependencies.observer ?? SILENT, {
      service,
      signal: options.signal,
      make: () => start(dependencies, service, request, options),
      failureOf: (response) => failureIn(service, response),
      fallback: async (error) => fallbackResponse(await fallback(error)),
    }),
  );
}

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
    reporterOf(currentScope(), options),
  );
}

function makeCall(
  dependencies: CallDependencies,
  service: string,
  request: CallRequest,
  options: CallPolicies,
): Promise<CallResponse> {
  const { maxConcurrent } = options;
  if (maxConcurrent === undefined) return callService(dependencies, service, request, options);
  const run = () => callService(dependencies, service, request, options);
  return reported(
    withinMaxConcurrent(dependencies, { service, protocol: request.protocol }, maxConcurrent, run),
    reporterOf(currentScope(), options),
  );
}
