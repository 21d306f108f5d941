// A call with the option `singleFlight`: what makes two of them the same, and whose it is while it is under
// way.
import { Deadline } from '../deadline.js';
import type { Holds } from '../hold.js';
import { cancelAt } from '../resilience/cancellation.js';
import { currentScope, runInScope, type Scope } from '../scope.js';
import type { CallOptions, CallResponse } from './call.js';
import type { CallObserver } from './call-observer.js';
import type { Asked } from './call-request.js';
import type { SingleFlight } from './single-flight.js';

export type MakeCall = (asked: Asked, options: CallOptions) => Promise<CallResponse>;

export interface SharedCallDependencies {
  readonly singleFlight: SingleFlight;
  readonly observer?: CallObserver;
  /** For a call outside of any request. Default 30 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/** @throws TypeError for a call that is no GET, or has a body */
export async function shareCall(
  { singleFlight, observer, timeoutMs: defaultMs = TIMEOUT_MS }: SharedCallDependencies,
  service: string,
  make: MakeCall,
  asked: Asked,
  options: CallOptions,
): Promise<CallResponse> {
  const { singleFlight: _, signal: ownSignal, ...rest } = options;
  const key = keyOf(service, asked);
  const scope = currentScope();
  const { timeoutMs = defaultMs } = options;
  const own = scope === undefined ? Deadline.after(timeoutMs) : scope.deadline.within(timeoutMs);
  const { signal, dispose } = cancelAt(own, [scope?.signal, ownSignal]);
  try {
    // Its time is that of any such call, not what is left to the one who happens to make it.
    const perform = (whole: AbortSignal, holds: Holds): Promise<CallResponse> =>
      scope === undefined
        ? make(asked, { ...rest, signal: whole })
        : runInScope(ofNobody(scope, Deadline.after(timeoutMs), whole, holds), () => make(asked, rest));
    return await singleFlight.run(key, perform, signal, () => observer?.shared(service));
  } finally {
    dispose();
  }
}

/** All that is sent and that a caller may choose. What goes along with every call is no part of it. */
function keyOf(service: string, { method, path, headers, body }: Asked): string {
  if (method !== 'GET' || body !== undefined)
    throw new TypeError('call: singleFlight is for GET without a body');
  const fields = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([service, path, fields]);
}

/**
 * The identity and trace of who began it; its deadline, its signal and what it holds are those of the call.
 */
function ofNobody(scope: Scope, deadline: Deadline, signal: AbortSignal, holds: Holds): Scope {
  return {
    requestId: scope.requestId,
    deadline,
    signal,
    holds,
    get trace() {
      return scope.trace;
    },
    service: scope.service,
  };
}
