// Reports to a running request that a call of it has failed. When the request fails because of it, its
// response is marked as final, so that its caller does not repeat it (see `Received.isFinal`).
import { isHttpError } from '../error-type.js';
import { isGatewayFailure } from '../errors.js';
import { currentScope, type Scope } from '../scope.js';
import type { Received } from './transport.js';

/** What a call reports its failures to. */
export type FailureReporter = Pick<Scope, 'callFailed'>;

/** The status with which the last call of a circle fails, and those before it when they pass that on. */
const CIRCLE_STATUS = 500;

/** A call with a fallback reports only circles, as its other failures may be no failures of the request. */
export function reporterOf(
  scope: Scope | undefined,
  { fallback }: { readonly fallback?: unknown },
): FailureReporter | undefined {
  if (fallback === undefined) return scope;
  return {
    callFailed(isCircle) {
      if (isCircle === true) scope?.callFailed?.(true);
    },
  };
}

/** Reports how a call ends. */
export async function reported<R extends object>(
  call: Promise<R>,
  reporter: FailureReporter | undefined = currentScope(),
): Promise<R> {
  try {
    return reportResponse(reporter, await call);
  } catch (error) {
    throw reportError(reporter, error);
  }
}

/** Reports a response that is a gateway failure, or the end of a circle of calls. @returns the response */
export function reportResponse<R extends object>(reporter: FailureReporter | undefined, response: R): R {
  const { status = 200, isFinal } = response as Partial<Received>;
  if (isGatewayFailure(status)) reporter?.callFailed?.();
  else if (status === CIRCLE_STATUS && isFinal === true) reporter?.callFailed?.(true);
  return response;
}

/** Reports an error that stands for a gateway failure. @returns the error */
export function reportError<E>(reporter: FailureReporter | undefined, error: E): E {
  if (isHttpError(error) && isGatewayFailure(error.status)) reporter?.callFailed?.();
  return error;
}
