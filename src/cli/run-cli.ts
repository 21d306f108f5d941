// Runs the command line from its arguments on. A failure is printed, and the process exits with its code.
import { CommanderError } from 'commander';
import { exitProcess } from '../process/process-exit.js';
import { exitCodeOf, failureText } from './command-failure.js';
import { createProgram } from './program.js';

export async function runCli(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has already printed its own errors.
    if (!(error instanceof CommanderError)) {
      process.stderr.write(`multilane: ${failureText(error)}\n`);
      // Exits explicitly: code of the project may keep the event loop alive, or wait for a file that hangs.
      await exitProcess(exitCodeOf(error), false);
    }
  }
}
