// A thrown value across threads: structured clone would drop its class and its code.
import { deserialize, serialize } from 'node:v8';
import { BusinessError, type FieldError, HttpError } from '../errors.js';
import type { TaskAnswer } from './cpu-messages.js';

interface Failure {
  readonly message: string;
  readonly stack: string | undefined;
  /** Present for an error with an answer of its own; all others are faults, told to the log alone. */
  readonly http:
    | {
        readonly business: boolean;
        readonly code: string;
        readonly status: number;
        readonly retryable: boolean;
        readonly headers: Readonly<Record<string, string>> | undefined;
        readonly members: Readonly<Record<string, unknown>> | undefined;
        readonly errors: readonly FieldError[] | undefined;
      }
    | undefined;
}

export function packFailure(thrown: unknown): TaskAnswer {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { message, stack } = error;
  return { kind: 'failure', data: serialize({ message, stack, http: httpOf(error) } satisfies Failure) };
}

/** The error as it was, HttpError and BusinessError with code and status, anything else as a plain Error. */
export function unpackFailure(data: Uint8Array): Error {
  const { message, stack, http } = deserialize(data) as Failure;
  const error = http ? httpErrorOf(message, http) : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function httpOf(error: Error): Failure['http'] {
  if (!(error instanceof HttpError)) return undefined;
  const { code, status, retryable, headers, members, errors } = error;
  return { business: error instanceof BusinessError, code, status, retryable, headers, members, errors };
}

function httpErrorOf(message: string, http: NonNullable<Failure['http']>): HttpError {
  const { business, code, status, retryable, headers, members, errors } = http;
  if (business) {
    const details = members?.details as Readonly<Record<string, unknown>> | undefined;
    return new BusinessError(code, message, { status, ...(details && { details }) });
  }
  return new HttpError(code, message, {
    status,
    retryable,
    ...(headers && { headers }),
    ...(members && { members }),
    ...(errors && { errors }),
  });
}
