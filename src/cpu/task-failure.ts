// Packs what a CPU task has thrown, and restores it at its caller. A structured clone alone would lose the
// class and the code of an error.
import { types } from 'node:util';
import { BusinessError, type FieldError, HttpError } from '../errors.js';
import { toError } from '../telemetry/to-error.js';
import { readableError } from '../user-code/readable-error.js';
import type { TaskResult } from './cpu-messages.js';
import { serialize, unpackedClone } from './task-clone.js';

interface Failure {
  readonly message: string;
  readonly stack: string | undefined;
  /** The errors behind it, the nearest first, for the log. */
  readonly causes: readonly Pick<Failure, 'message' | 'stack'>[];
  /** Present for an HttpError, which determines the response. All others are faults, and only logged. */
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

/**
 * Packs what a task has thrown. Never throws. Of an error that cannot be read, or whose members cannot be
 * cloned, only the message is kept, as far as it can be read, with the reason why the rest is missing.
 * @param task the task that has thrown it
 */
export function packFailure(thrown: unknown, task: string): TaskResult {
  try {
    const error = toError(thrown);
    // The stack of an Error shows where it comes from. Anything else has none, so the name of the task is
    // added.
    return error === thrown ? packed(error) : packed(error, `CPU task ${task}: ${error.message}`);
  } catch (error) {
    const readable = readableError(thrown);
    const shown = readable instanceof Error ? `${readable.name}: ${readable.message}` : readable;
    const { message } = notSent(task, `what it has thrown (${shown}) cannot be sent to its caller`, error);
    // Its stack may be what cannot be read.
    return packedText(message);
  }
}

/**
 * Makes the error for an input, a result or an exception that cannot be sent to another thread. Never throws.
 * @param what e.g. `its result cannot be sent to its caller`
 */
export function notSent(task: string, what: string, cause: unknown): TypeError {
  const reason = readableError(cause);
  return new TypeError(`CPU task ${task}: ${what}: ${reason instanceof Error ? reason.message : reason}`, {
    cause,
  });
}

/**
 * Restores an HttpError or a BusinessError with code and status, and any other error as a plain Error. Never
 * throws: code of a service may have posted the data.
 */
export function unpackFailure(data: Uint8Array): Error {
  try {
    return restored(data);
  } catch (cause) {
    return new Error('a CPU task has failed with an error that cannot be read', { cause });
  }
}

/** @throws whatever is wrong with the data */
function restored(data: Uint8Array): Error {
  const { message, stack, causes, http } = unpackedClone({ data, moved: [] }) as Failure;
  const error = http ? httpErrorOf(message, http) : new Error(message);
  if (stack !== undefined) error.stack = stack;
  causes.reduce((outer, { message: why, stack: where }) => {
    const cause = new Error(why);
    if (where !== undefined) cause.stack = where;
    outer.cause = cause;
    return cause;
  }, error);
  return error;
}

/** The most causes of an error that are kept. */
const MOST_CAUSES = 5;

function causesOf(error: Error): Failure['causes'] {
  const causes: Failure['causes'][number][] = [];
  for (let { cause } = error; types.isNativeError(cause) && causes.length < MOST_CAUSES; { cause } = cause)
    causes.push({ message: String(cause.message), stack: cause.stack && String(cause.stack) });
  return causes;
}

/** @throws whatever getters of the error throw, or DataCloneError */
function packed(error: Error, message = String(error.message)): TaskResult {
  const stack = error.stack && String(error.stack);
  return failureOf({ message, stack, causes: causesOf(error), http: httpOf(error) });
}

const packedText = (message: string): TaskResult =>
  failureOf({ message, stack: undefined, causes: [], http: undefined });

const failureOf = (failure: Failure): TaskResult => ({
  kind: 'failure',
  data: serialize(failure),
  moved: [],
});

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
