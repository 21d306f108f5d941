// Exit codes of commands: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration of the project. `start` and
// `check` have the exit codes of the process itself.

import { CommanderError } from 'commander';
import { errorStack } from '../error-text.js';
import { ConfigError, StartError } from '../errors.js';
import { plain } from './terminal-text.js';

const FAILED = 1;
/** The exit code of shell commands for wrong usage. */
const USAGE = 2;

/** The failure of a command. Only its message is shown, which contains the reason. */
export class CommandFailure extends Error {
  readonly exitCode: number = FAILED;
  override readonly name = 'CommandFailure';
}

/** An argument or option whose value cannot be used. */
export class WrongUsage extends CommandFailure {
  override readonly exitCode = USAGE;
}

const isKnown = (error: unknown): error is CommandFailure | ConfigError | StartError =>
  error instanceof CommandFailure || error instanceof ConfigError || error instanceof StartError;

export function exitCodeOf(error: unknown): number {
  // Commander throws an error with code 0 after printing help or version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  return isKnown(error) ? error.exitCode : FAILED;
}

/**
 * The text for stderr. A CommandFailure gives one line, because it may contain a response of another process.
 * Only an unexpected error has a stack.
 */
export function failureText(error: unknown): string {
  if (error instanceof CommandFailure) return plain(error.message);
  const known = isKnown(error) ? error.message : undefined;
  const text = known ?? errorStack(error);
  return text.replaceAll('\t', '    ').split('\n').map(plain).join('\n');
}
