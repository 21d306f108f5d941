// Commands that accept the flags of the process (`--port 0`, `--config FILE`). The module config parses these
// flags instead of commander, so that there is one table of settings and one kind of error messages.
import type { Command } from 'commander';
import { machineFacts } from '../config/machine-facts.js';
import { helpText } from '../config/print.js';
import { ConfigError } from '../errors.js';
import { purposeOf } from './command-help.js';
import { foreignOption } from './usage-hints.js';

/**
 * The text of `--help` of such a command. Its examples come first, because the settings fill several screens.
 * @param own the meanings of its own options
 */
export function settingsHelp(command: Command, own: Readonly<Record<string, string>> = {}): string {
  const machine = machineFacts(process.stdout.isTTY === true);
  return helpText(machine, `multilane ${command.name()}`, own, purposeOf(command));
}

/** Passes all words after the command's name to its action, as `command.args`. */
export function takesSettings(command: Command): Command {
  return command
    .usage('[option]...')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions()
    .hook('preAction', (_program, { args }) => {
      if (args.some((word) => word === '--help' || word === '-h')) command.help();
      const hint = args.map((word) => foreignOption(command, word)).find((text) => text !== undefined);
      if (hint !== undefined) throw new ConfigError(hint);
    });
}
