// What the operator reads when a start has failed, and the exit code of the process.
import { errorStack } from '../error-text.js';
import { ConfigError, StartError } from '../errors.js';

export interface StartFailure {
  /** Text for stderr, mostly one line; with a stack only for an error that is a fault of Multilane itself. */
  readonly message: string;
  readonly exitCode: number;
}

export function startFailure(error: unknown): StartFailure {
  const { message, exitCode } =
    error instanceof ConfigError || error instanceof StartError
      ? error
      : { message: `cannot start: ${errorStack(error)}`, exitCode: 1 };
  return { message, exitCode };
}
