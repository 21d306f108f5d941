// Commands that accept the flags of the process (`--port 0`, `--config FILE`). The module config parses these
// flags instead of commander, so that there is one table of settings and one kind of error messages.
import type { Command } from 'commander';
import { machineFacts } from '../config/machine-facts.js';
import { helpText } from '../config/print.js';

/**
 * The text of `--help` of such a command.
 * @param own the meanings of its own options
 */
export function settingsHelp(name: string, own: Readonly<Record<string, string>> = {}): string {
  return helpText(machineFacts(process.stdout.isTTY === true), `multilane ${name}`, own);
}

/** Passes all words after the command's name to its action, as `command.args`. */
export function takesSettings(command: Command): Command {
  return command
    .usage('[option]...')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions();
}
