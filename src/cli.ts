#!/usr/bin/env node
// The `multilane` command (docs/cli.md). What it can do is listed in cli/program.ts, one file per command.
import { requirePlatform } from '#scripts/platform.mjs';

requirePlatform();
const { CommanderError } = await import('commander');
const { exitProcess } = await import('./process/process-exit.js');
const { exitCodeOf, messageOf } = await import('./cli/command-failure.js');
const { createProgram } = await import('./cli/program.js');

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // Commander has said already what it has to say.
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`multilane: ${messageOf(error)}\n`);
    // Not left to the loop: code of the project may have opened something, or wait for a file that hangs.
    await exitProcess(exitCodeOf(error), false);
  }
}
