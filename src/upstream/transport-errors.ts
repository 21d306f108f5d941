// Failures of an attempt that show something else about the endpoint than that it is broken. A transport,
// which alone knows what has happened, throws them, and verdict.ts judges them.
import { types } from 'node:util';
import { DeadlineExceededError, HttpError, UnavailableError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';

/**
 * The deadline of a call passed, or was near, when it had waited in this thread for a connection to the
 * endpoint for most of its time. That shows nothing about the endpoint, which serves the calls that it has.
 */
export class UnsentError extends DeadlineExceededError {
  /** @param limit which limit the call has waited at, and how to raise it */
  constructor(limit: string) {
    super(`The call was not sent: until its deadline was near, ${limit}.`);
  }
}

/** Never throws: the reason of an abort may be any value, even one that cannot be inspected. */
export const isUnsent = (reason: unknown): boolean =>
  types.isNativeError(reason) && reason instanceof UnsentError;

/**
 * 502 `BAD_UPSTREAM`: no connection to the endpoint could be made, or it has refused the stream of HTTP/2, so
 * no handler has got the request.
 */
export class UnreachedError extends HttpError {
  /** Whether that is so for all attempts of the call. */
  readonly notExecuted: boolean = true;

  constructor(detail: string, cause?: unknown) {
    super('BAD_UPSTREAM', detail, { cause });
  }
}

/**
 * 502 `BAD_UPSTREAM`: since the endpoint was picked for a call, it has left, drains, or was ejected, and the
 * call was not sent to it. That shows nothing about the endpoint, and another one is picked for the call.
 */
export class DisplacedError extends UnreachedError {
  constructor({ service, id }: Pick<Endpoint, 'service' | 'id'>) {
    super(`Instance ${id} of ${service} takes no more calls, and has not got this one.`);
  }
}

/**
 * 502 `BAD_UPSTREAM`: this thread ends, and has closed its connections. That shows nothing about the
 * endpoint, and no other one could be reached either.
 */
export class ThreadEndsError extends HttpError {
  constructor() {
    super('BAD_UPSTREAM', 'This thread ends, and has closed its connections.');
  }
}

/** Whether this machine has refused a connection: it has no free port left, or a rule forbids it. */
export function isRefusedHere(cause: unknown): boolean {
  const { code, syscall } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  return syscall === 'connect' && (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'EPERM');
}

/** 503 `OVERLOADED`: this machine admits no connection to the endpoint, which has not got the request. */
export class NoPortError extends UnavailableError {
  /** Whether that is so for all attempts of the call. */
  readonly notExecuted: boolean = true;

  constructor({ service, id }: Pick<Endpoint, 'service' | 'id'>, cause: unknown) {
    const detail = `This machine makes no connection to instance ${id} of ${service}: it has no free port, or a rule forbids it.`;
    super('OVERLOADED', detail, 1, cause);
  }
}

/**
 * 502 `BAD_UPSTREAM`: the endpoint has sent more than this process accepts. As long as others do the same, it
 * works, and would send as much again.
 */
export class OversizedError extends HttpError {
  constructor(detail: string, cause?: unknown) {
    super('BAD_UPSTREAM', detail, { cause });
  }
}

/**
 * The header alone is too large, of which a response of this size has no need: another endpoint may do
 * better.
 */
export class OversizedHeaderError extends OversizedError {}

/**
 * 502 `BAD_UPSTREAM`: the endpoint has responded to the handshake of a WebSocket, and no socket has come of
 * it. What the client has asked for decides that, so it shows nothing about the endpoint.
 */
export class HandshakeError extends HttpError {
  constructor({ service, id }: Pick<Endpoint, 'service' | 'id'>, symptom: string, cause?: unknown) {
    super('BAD_UPSTREAM', `Instance ${id} of ${service} ${symptom}.`, { cause });
  }
}
