// What a start that has failed says, and how the process ends.
import { errorStack } from '../error-text.js';
import { ConfigError, StartError } from '../errors.js';

export interface StartFailure {
  /** For the one line on stderr; with a stack only for what nobody foresaw. */
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
