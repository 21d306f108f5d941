// The words that may be typed at each level of the command line, from commander's tree and the table of
// settings.
import type { Command } from 'commander';
import { OPTIONS } from '../config/command-line.js';
import { flagOf } from '../config/setting-names.js';
import { SETTINGS } from '../config/table.js';

export interface Word {
  readonly text: string;
  readonly meaning: string;
}

/** One level of commands: `multilane`, `multilane sagas`, `multilane sagas list`. */
export interface Level {
  readonly path: readonly string[];
  /** Subcommands, or the values of the command's argument. */
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

export function levelsOf(command: Command, above: readonly string[] = []): readonly Level[] {
  const path = [...above, command.name()];
  // Commands without commander's help option accept the flags of the process.
  const help = command.createHelp();
  const own = help.visibleOptions(command).map(({ long, short, description }) => ({
    text: long ?? short ?? '',
    meaning: description,
  }));
  const commands = help.visibleCommands(command).filter((sub) => sub.name() !== 'help');
  return [
    {
      path,
      commands: [
        ...commands.map((sub) => ({ text: sub.name(), meaning: sub.description() })),
        ...choicesOf(command),
      ],
      options: own.some(({ text }) => text === '--help') ? own : [...own, ...settingsFlags()],
    },
    ...commands.flatMap((sub) => levelsOf(sub, path)),
  ];
}

const choicesOf = ({ registeredArguments }: Command): readonly Word[] =>
  registeredArguments.flatMap(({ argChoices = [], description }) =>
    argChoices.map((text) => ({ text, meaning: description })),
  );

function settingsFlags(): readonly Word[] {
  const settings = Object.entries(SETTINGS).map(([name, { meaning }]) => ({ text: flagOf(name), meaning }));
  return [...Object.entries(OPTIONS).map(([text, meaning]) => ({ text, meaning })), ...settings];
}
