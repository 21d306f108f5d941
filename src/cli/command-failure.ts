// How a command ends: 0 done, 1 it failed, 2 it was typed wrongly, 78 the configuration of the project is
// wrong.
// `start` and `check` keep the exit codes of the process itself.

import { CommanderError } from 'commander';
import { errorStack } from '../error-text.js';
import { ConfigError, StartError } from '../errors.js';
import { plain } from './terminal-text.js';

const FAILED = 1;
/** As the shell's own commands have it. */
const USAGE = 2;

/** The command could not do what it was asked for; the message says why, and is all that is shown. */
export class CommandFailure extends Error {
  readonly exitCode = FAILED;
  override readonly name = 'CommandFailure';
}

const isKnown = (error: unknown): error is CommandFailure | ConfigError | StartError =>
  error instanceof CommandFailure || error instanceof ConfigError || error instanceof StartError;

export function exitCodeOf(error: unknown): number {
  // Help and version that were asked for are its errors as well, with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  return isKnown(error) ? error.exitCode : FAILED;
}

/**
 * What stderr says of it. One line for a command that failed, because what another process has answered may
 * be in it; a stack only for what nobody foresaw.
 */
export function messageOf(error: unknown): string {
  if (error instanceof CommandFailure) return plain(error.message);
  const known = isKnown(error) ? error.message : undefined;
  const text = known ?? errorStack(error);
  return text.replaceAll('\t', '    ').split('\n').map(plain).join('\n');
}
