// The failure of a call by gRPC, as the caller gets it.
import { type FieldError, type GrpcStatus, HttpError } from './errors.js';

const DAY_SECONDS = 86_400;
const PASSED_ON: readonly number[] = [500, 502, 503, 504];

export interface RpcErrorOptions {
  /** The called service. */
  readonly service: string;
  readonly grpc: GrpcStatus;
  /** The status that the failure has, or would have, over HTTP. */
  readonly status: number;
  readonly retryable: boolean;
  readonly notExecuted: boolean;
  /** Whether the callee has sent a code, which only services that are written with Multilane do. */
  readonly hasCode: boolean;
  readonly trailers: Readonly<Record<string, string | Uint8Array>>;
  readonly members?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly FieldError[] | undefined;
}

/**
 * A failure that the called service has sent. `code` is that of its problem document (docs/errors.md, and
 * codes of the service's own); a service that is not written with Multilane has no such codes, and `code` is
 * the name of the gRPC status then. `members` are the members of its document.
 *
 * A handler that does not catch it fails with 502 BAD_UPSTREAM. So the client of the handler never takes a
 * refusal of the called service (UNAUTHENTICATED, NOT_FOUND) for one of its own request, and never gets a
 * text that was not written for it. Only 500, 502, 503 and 504 of services with codes are passed on.
 */
export class RpcError extends HttpError {
  override readonly grpc: GrpcStatus;
  readonly service: string;
  /** True when the runtime of the callee asserts that no handler ran. */
  readonly notExecuted: boolean;
  /** The metadata that came with the failure, by lower-case names; those ending in `-bin` are bytes. */
  readonly trailers: Readonly<Record<string, string | Uint8Array>>;
  /** Whether the client of a handler that does not catch the error gets it as it is. */
  readonly isPassedOn: boolean;

  constructor(code: string, detail: string, options: RpcErrorOptions) {
    const { service, grpc, status, retryable, notExecuted, hasCode, trailers, members, errors } = options;
    const { 'retry-after': retryAfter } = trailers;
    super(code, detail, {
      status,
      retryable,
      ...(isRetryAfter(retryAfter) && { headers: { 'retry-after': retryAfter } }),
      ...(members !== undefined && { members }),
      ...(errors !== undefined && { errors }),
    });
    this.grpc = grpc;
    this.service = service;
    this.notExecuted = notExecuted;
    this.trailers = trailers;
    this.isPassedOn = hasCode && PASSED_ON.includes(status);
  }
}

/** A value that a client can believe: whole seconds, at most a day of them. */
const isRetryAfter = (value: string | Uint8Array | undefined): value is string =>
  typeof value === 'string' && /^\d{1,5}$/.test(value) && Number(value) <= DAY_SECONDS;

/** @returns what the client of a handler gets that has thrown the error */
export function outwardError(error: Error): Error {
  if (!(error instanceof RpcError) || error.isPassedOn) return error;
  return new HttpError('BAD_UPSTREAM', `A request to service ${error.service} has failed.`, { cause: error });
}
