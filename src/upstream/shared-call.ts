// A call with the option `singleFlight`: which calls count as the same, and the scope in which the shared
// call runs.
import { Deadline } from '../deadline.js';
import { cancelAt } from '../resilience/cancellation.js';
import { currentScope, runInScope, type Scope } from '../scope.js';
import type { CallOptions, CallResponse } from './call.js';
import type { CallObserver } from './call-observer.js';
import type { CallRequest } from './call-request.js';
import { abortOf } from './ongoing-call.js';
import { SharedCircleError } from './shared-circle.js';
import type { SingleFlight } from './single-flight.js';
import type { MakeSharedCall } from './single-flight-outcome.js';

export type MakeCall = (request: CallRequest, options: CallOptions) => Promise<CallResponse>;

export interface SharedCallDependencies {
  readonly singleFlight: SingleFlight;
  readonly observer?: CallObserver;
  /**
   * Milliseconds that a call outside of any request may take.
   * @default 30000
   */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/** @throws TypeError for a call that is not a GET, or has a body */
export async function shareCall(
  { singleFlight, observer, timeoutMs: defaultMs = TIMEOUT_MS }: SharedCallDependencies,
  service: string,
  make: MakeCall,
  request: CallRequest,
  options: CallOptions,
): Promise<CallResponse> {
  const { singleFlight: _, signal: ownSignal, ...rest } = options;
  const key = keyOf(service, request, options);
  const scope = currentScope();
  const { timeoutMs = defaultMs } = options;
  const own = (scope?.deadline ?? Deadline.none).within(timeoutMs);
  const { signal, dispose } = cancelAt(own, [scope && abortOf(scope), ownSignal]);
  try {
    // A shared call has the whole time of the option, however little time is left to the caller that makes
    // it.
    const makeShared: MakeSharedCall = (callSignal, holds, work) =>
      scope === undefined
        ? make(request, { ...rest, signal: callSignal })
        : runInScope(
            sharedScope(scope, {
              deadline: Deadline.after(timeoutMs),
              signal: callSignal,
              holds,
              sharedWork: work,
            }),
            () => make(request, rest),
          );
    const onShared = () => observer?.shared(service);
    return await singleFlight.run(key, makeShared, signal, onShared, scope?.sharedWork);
  } catch (error) {
    if (error instanceof SharedCircleError) scope?.callFailed?.(true);
    throw error;
  } finally {
    dispose();
  }
}

/**
 * The key of a call: calls with the same key are the same. It contains everything that is sent and that a
 * caller chooses, without the header fields that every call adds; which instances may get it; and the options
 * that decide whether it fails. `timeoutMs` does, too, but no caller gets the failure of another's deadline.
 */
function keyOf(
  service: string,
  request: CallRequest,
  { retries, hedgeMs, maxConcurrent }: CallOptions,
): string {
  const { method, path, headers, body, version, hashKey, overNetwork } = request;
  if (method !== 'GET' || body !== undefined)
    throw new TypeError('call: singleFlight is for GET without a body');
  const fields = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const route = [version, hashKey, overNetwork];
  return JSON.stringify([service, path, fields, route, retries, hedgeMs, maxConcurrent]);
}

/**
 * The scope of a shared call. Its request id, trace and service are those of the caller that began the call;
 * its deadline, its signal and its holds are its own.
 */
function sharedScope(scope: Scope, own: Pick<Scope, 'deadline' | 'signal' | 'holds' | 'sharedWork'>): Scope {
  return {
    ...own,
    requestId: scope.requestId,
    endsInTime: false,
    callDepth: scope.callDepth ?? 0,
    get trace() {
      return scope.trace;
    },
    service: scope.service,
  };
}
