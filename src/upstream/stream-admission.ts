// Chooses the endpoint of an attempt of a streamed call: as for every call (endpoint-admission.ts), but for
// the endpoints of this thread and for what its client holds already.
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import {
  type AdmittedEndpoint,
  admitEndpoint,
  type EndpointAdmissionDependencies,
} from './endpoint-admission.js';
import { NO_IDS, type OngoingCall } from './ongoing-call.js';

/** The connection that a call holds for its client. */
export interface ConnectionClaim {
  /**
   * Claims a connection to an endpoint, in place of the one before.
   * @returns an error when the client holds too many, for which the endpoint must not be called
   */
  take(endpoint: Endpoint): HttpError | undefined;
}

/**
 * What becomes of an endpoint in this thread: it is called as any other, it responds by itself, or it must
 * not be chosen.
 */
export type LocalUse = 'called' | 'relayed' | 'excluded';

/** @returns an error when no endpoint may get the request: NO_INSTANCE, BREAKER_OPEN, or that of the claim */
export function admitStream(
  dependencies: EndpointAdmissionDependencies,
  call: OngoingCall,
  local: LocalUse,
  claim: ConnectionClaim | undefined,
): AdmittedEndpoint | HttpError {
  const admitted =
    local === 'excluded' ? admitElsewhere(dependencies, call) : admitEndpoint(dependencies, call, NO_IDS);
  if (admitted instanceof HttpError || (local === 'relayed' && admitted.endpoint.local)) return admitted;
  const refusal = claim?.take(admitted.endpoint);
  if (refusal === undefined) return admitted;
  withdraw(dependencies, admitted);
  return refusal;
}

/** Admits an endpoint that is not in this thread. */
function admitElsewhere(
  dependencies: EndpointAdmissionDependencies,
  call: OngoingCall,
): AdmittedEndpoint | HttpError {
  const excluded = new Set<string>();
  for (;;) {
    const admitted = admitEndpoint(dependencies, call, excluded);
    if (admitted instanceof HttpError || !admitted.endpoint.local) return admitted;
    withdraw(dependencies, admitted);
    excluded.add(admitted.endpoint.id);
  }
}

/** Settles the ticket of an endpoint that is not called. */
export function withdraw(
  { breaker }: EndpointAdmissionDependencies,
  { endpoint, ticket }: AdmittedEndpoint,
): void {
  breaker.settle(endpoint.slot, ticket, 'ignored');
}
