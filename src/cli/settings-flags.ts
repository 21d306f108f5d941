// Commands that take the flags of the process (`--port 0`, `--config FILE`): these are read by config/, not
// by commander, so that there is one table of settings and one way to refuse what is wrong.
import type { Command } from 'commander';
import { machineFacts } from '../config/machine-facts.js';
import { helpText } from '../config/print.js';

/** What `--help` of such a command prints. */
export function settingsHelp(name: string): string {
  return helpText(machineFacts(process.stdout.isTTY === true), `multilane ${name}`);
}

/** Hands everything behind the command's name to its action, as `command.args`. */
export function takesSettings(command: Command): Command {
  return command
    .usage('[option]...')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions();
}
