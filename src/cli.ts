#!/usr/bin/env node
// Entry of the `multilane` command (docs/cli.md). cli/program.ts lists its subcommands.
import { requirePlatform } from '#scripts/platform.mjs';

requirePlatform();
const { CommanderError } = await import('commander');
const { exitProcess } = await import('./process/process-exit.js');
const { exitCodeOf, failureText } = await import('./cli/command-failure.js');
const { createProgram } = await import('./cli/program.js');

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
