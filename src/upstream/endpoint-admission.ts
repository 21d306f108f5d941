// Chooses the endpoint of an attempt: the balancer picks one, and its breaker admits the attempt or not. An
// endpoint whose breaker rejects the attempt is skipped; that does not count as an attempt.
import { type HttpError, UnavailableError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { type Breaker, breakerOpenError } from '../resilience/breaker-contract.js';
import type { Balancer, Route } from './balancer.js';
import type { CallRequest } from './call-request.js';

export interface EndpointAdmissionDependencies {
  readonly balancer: Pick<Balancer, 'pick' | 'has'>;
  readonly breaker: Breaker;
}

/** The parts of a call that the choice depends on. */
interface CallTarget {
  readonly service: string;
  /** Ids of endpoints to avoid as long as there are others. */
  readonly tried: ReadonlySet<string>;
  readonly request: Pick<CallRequest, keyof Route>;
}

/** An endpoint with the ticket of its breaker, which has to be settled. */
export interface AdmittedEndpoint {
  readonly endpoint: Endpoint;
  readonly ticket: number;
}

/**
 * @param excluded ids of endpoints that must not be used
 * @returns an error when there is none: NO_INSTANCE or BREAKER_OPEN
 */
export function admitEndpoint(
  dependencies: EndpointAdmissionDependencies,
  target: CallTarget,
  excluded: ReadonlySet<string>,
): AdmittedEndpoint | HttpError {
  const { service, tried, request } = target;
  const excludes = excluded.size === 0 ? undefined : ({ id }: Endpoint) => excluded.has(id);
  const endpoint = dependencies.balancer.pick(service, tried, excludes, request);
  if (endpoint === undefined) return noInstance(target);
  const ticket = dependencies.breaker.admit(endpoint.slot);
  return ticket >= 0 ? { endpoint, ticket } : admitOther(dependencies, target, excluded, endpoint);
}

/**
 * Picks another endpoint after a breaker has rejected the first one. It first checks the breakers of all
 * endpoints, so that the time grows only with their number even when all breakers are open. The picked
 * endpoint rejects only if another thread has changed its breaker meanwhile.
 * @param rejecting the endpoint whose breaker has rejected the attempt
 */
function admitOther(
  { balancer, breaker }: EndpointAdmissionDependencies,
  { service, tried, request }: CallTarget,
  excluded: ReadonlySet<string>,
  rejecting: Endpoint,
): AdmittedEndpoint | HttpError {
  const skipped = new Set(excluded).add(rejecting.id);
  let retryInMs = breaker.retryInMs(rejecting.slot);
  const excludes = ({ id, slot }: Endpoint): boolean => {
    if (skipped.has(id)) return true;
    if (breaker.admits(slot)) return false;
    retryInMs = Math.min(retryInMs, breaker.retryInMs(slot));
    return true;
  };
  for (;;) {
    const endpoint = balancer.pick(service, tried, excludes, request);
    if (endpoint === undefined) {
      return breakerOpenError(`The breaker of service ${service} is open.`, retryInMs);
    }
    const ticket = breaker.admit(endpoint.slot);
    if (ticket >= 0) return { endpoint, ticket };
    skipped.add(endpoint.id);
    retryInMs = Math.min(retryInMs, breaker.retryInMs(endpoint.slot));
  }
}

function noInstance({ service, request }: CallTarget): HttpError {
  const { protocol, version } = request;
  const which = `${protocol === 'grpc' ? 'with the protocol grpc ' : ''}${version === undefined ? '' : `of version ${version} `}`;
  return new UnavailableError('NO_INSTANCE', `No instance of service ${service} ${which}is known.`);
}
