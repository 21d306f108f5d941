// The client of other services: `call(service)` of the request context. A call may be shared
// (`singleFlight`), limited (`maxConcurrent`) or have a substitute (`fallback`); call-service.ts makes it.
import { KnownProtos } from '../grpc/known-protos.js';
import { describeValue } from '../options.js';
import { currentScope } from '../scope.js';
import { isServiceName } from '../service-name.js';
import type { Balancer } from './balancer.js';
import type {
  CallByName,
  CallMethod,
  CallOptions,
  CallResponse,
  ClientOptions,
  ServiceClient,
  StreamedCallOptions,
  StreamedCallResponse,
} from './call.js';
import { SILENT } from './call-observer.js';
import { prefersNetwork } from './call-options.js';
import { type CallRequest, type CheckedRequest, checkedRequest } from './call-request.js';
import { type CallPolicies, callService } from './call-service.js';
import { reported, reporterOf } from './failure-report.js';
import { withFallback } from './fallback.js';
import { failureIn, fallbackResponse } from './fallback-response.js';
import { withinMaxConcurrent } from './max-concurrent.js';
import { callMethod, type MethodSource } from './method-call.js';
import { type OpenCallDependencies, type OpenCallRequest, openCall } from './open-call.js';
import { clientOfRoutes } from './path-params.js';
import { RequestStream } from './request-stream.js';
import { shareCall } from './shared-call.js';
import type { SingleFlight } from './single-flight.js';

export interface CallDependencies extends OpenCallDependencies {
  readonly balancer: Pick<Balancer, 'pick' | 'has' | 'knows'>;
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

export function createCall(dependencies: CallDependencies): CallByName {
  const near = new Map<string, ServiceClient>();
  const overNetwork = new Map<string, ServiceClient>();
  const ofRoutes = {
    near: new WeakMap<object, ServiceClient>(),
    overNetwork: new WeakMap<object, ServiceClient>(),
  };
  const byName = (service: string, options: ClientOptions): ServiceClient => {
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
    return client;
  };
  // A copy, so a caller that replaces a method does not change it for others.
  return (service, options = NO_CLIENT_OPTIONS) => {
    if (typeof service !== 'object' || service === null) return { ...byName(service, options) };
    const known = ofRoutes[prefersNetwork(options) ? 'overNetwork' : 'near'];
    let client = known.get(service);
    if (client === undefined) {
      client = clientOfRoutes(byName(service.name, options));
      known.set(service, client);
    }
    return { ...client };
  };
}

function clientOf(dependencies: CallDependencies, service: string, overNetwork: boolean): ServiceClient {
  const send = (
    method: string,
    path: string,
    options: CallOptions | StreamedCallOptions = NO_OPTIONS,
  ): Promise<CallResponse | StreamedCallResponse> => {
    try {
      const request = checkedRequest(method, path, options, overNetwork);
      if (request.source === undefined && options.stream !== true)
        return sendWhole(dependencies, service, request, options);
      const streamed = sourced(dependencies, request);
      if (options.stream === true) return openCall(dependencies, service, streamed, options);
      return sendSource(dependencies, service, streamed, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
  const calling = (method: string): CallMethod =>
    ((path, options) => send(method, path, options)) as CallMethod;
  return {
    request: send as ServiceClient['request'],
    get: calling('GET'),
    post: calling('POST'),
    put: calling('PUT'),
    patch: calling('PATCH'),
    delete: calling('DELETE'),
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

function sendWhole(
  dependencies: CallDependencies,
  service: string,
  request: CallRequest,
  options: CallOptions,
): Promise<CallResponse> {
  return options.fallback === undefined
    ? start(dependencies, service, request, options)
    : startWithFallback(dependencies, service, request, options, options.fallback);
}

/** Sends a request whose body is read from a source, which is released when the call has ended. */
async function sendSource(
  dependencies: CallDependencies,
  service: string,
  request: OpenCallRequest,
  options: CallOptions,
): Promise<CallResponse> {
  try {
    return await sendWhole(dependencies, service, request, options);
  } finally {
    request.content?.cancel();
  }
}

function sourced(
  { streamIdleMs: idleMs, clock }: CallDependencies,
  { source, ...request }: CheckedRequest,
): OpenCallRequest {
  if (source === undefined) return request;
  const content = new RequestStream(source.pieces, { length: source.length, idleMs, clock });
  return { ...request, body: content, content };
}

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
