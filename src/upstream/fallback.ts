// The option `fallback` of calls: what stands in for the result when the called service is not available. It
// is the outermost policy, as in Polly, resilience4j and MicroProfile Fault Tolerance: it sees how the call
// has ended after all attempts and limits, and nothing of it counts for an endpoint. In those libraries each
// caller decides which failures it is for; here it is for 502, 503 and 504, with which the caller would fail.
import { isHttpError } from '../error-type.js';
import { type HttpError, isGatewayFailure } from '../errors.js';
import { currentScope, isAborted, type Scope } from '../scope.js';
import type { Fallback } from './call.js';
import type { CallObserver } from './call-observer.js';

/** A call that has a fallback. @typeParam R its result */
export interface FallibleCall<R> {
  readonly service: string;
  /** The option `signal` of the call. */
  readonly signal: AbortSignal | undefined;
  make(): Promise<R>;
  /** @returns the failure that a result stands for; undefined: it is none */
  failureOf(result: R): HttpError | undefined;
  readonly fallback: Fallback<R>;
}

/** @throws the error of the call when the fallback does not apply, or what the fallback throws */
export async function withFallback<R>(
  observer: Pick<CallObserver, 'fellBack'>,
  call: FallibleCall<R>,
): Promise<R> {
  const scope = currentScope();
  const { result, failure } = await ended(call);
  if (isHttpError(failure) && isGatewayFailure(failure.status) && isAwaited(scope, call.signal)) {
    observer.fellBack(call.service);
    return call.fallback(failure);
  }
  if (result === undefined) throw failure;
  return result;
}

/** How a call has ended: with a result, a failure, or a result that stands for a failure. */
interface CallEnd<R> {
  readonly result?: R;
  readonly failure?: unknown;
}

async function ended<R>(call: FallibleCall<R>): Promise<CallEnd<R>> {
  try {
    const result = await call.make();
    return { result, failure: call.failureOf(result) };
  } catch (failure) {
    return { failure };
  }
}

/** An abort may have any reason, even an error that looks like a failure of the service. */
const isAwaited = (scope: Scope | undefined, signal: AbortSignal | undefined): boolean =>
  signal?.aborted !== true && !isAborted(scope) && scope?.deadline.isAhead !== false;
