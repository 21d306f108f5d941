// The words that may be typed at each level of the command line, from commander's tree and the table of
// settings.
import type { Command } from 'commander';
import { OPTIONS } from '../config/command-line.js';
import { flagOf } from '../config/setting-names.js';
import { SETTINGS } from '../config/table.js';

export interface Word {
  readonly text: string;
  readonly meaning: string;
  /** The values of an option, where there are a few. */
  readonly values?: readonly string[];
}

/** One level of commands: `multilane`, `multilane sagas`, `multilane sagas list`. */
export interface Level {
  readonly path: readonly string[];
  /** Subcommands, or the values of the command's argument. */
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

/** The levels of a command and of those below it, once for each of its names. */
export function levelsOf(command: Command, above: readonly string[] = []): readonly Level[] {
  return [command.name(), ...command.aliases()].flatMap((name) => levelsAt(command, [...above, name]));
}

function levelsAt(command: Command, path: readonly string[]): readonly Level[] {
  // Commands without commander's help option accept the flags of the process.
  const help = command.createHelp();
  const own = help.visibleOptions(command).map(({ long, short, description, argChoices }) => ({
    text: long ?? short ?? '',
    meaning: description,
    ...(argChoices === undefined ? {} : { values: argChoices }),
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
  const settings = Object.entries(SETTINGS).map(([name, { meaning, kind }]) => ({
    text: flagOf(name),
    meaning,
    ...(kind.choices === undefined ? {} : { values: kind.choices }),
  }));
  return [...Object.entries(OPTIONS).map(([text, meaning]) => ({ text, meaning })), ...settings];
}
