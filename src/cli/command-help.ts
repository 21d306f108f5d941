// Gives every command its help from help-texts.ts: one form for all, at most 80 columns wide, with colours on
// a terminal only (commander also follows NO_COLOR and FORCE_COLOR).
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { filled, HELP_COLUMNS } from '../config/print.js';
import { COMMAND_TEXTS, type CommandText, GROUPS } from './help-texts.js';

/** The words of a command without `multilane`: `sagas list`. */
export const pathOf = (command: Command): string =>
  command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim();

/** The command itself, and all commands below it. */
export const commandTree = (command: Command): readonly Command[] => [
  command,
  ...command.commands.flatMap(commandTree),
];

/** Sets the width and the style of all help texts. Call it before commands are declared, which inherit it. */
export function styleHelp(program: Command): void {
  program
    .configureOutput({
      getOutHelpWidth: () => Math.min(HELP_COLUMNS, process.stdout.columns || HELP_COLUMNS),
      getErrHelpWidth: () => Math.min(HELP_COLUMNS, process.stderr.columns || HELP_COLUMNS),
    })
    .configureHelp({ styleTitle: bold, subcommandTerm: termOf })
    .helpCommand('help [command]', 'print the help of a command');
}

/** Commander removes the style where the output has no colours. */
const bold = (text: string): string => styleText('bold', text, { validateStream: false });

/** A command in a list of commands: its names and arguments. */
const termOf = (command: Command): string =>
  [
    [command.name(), ...command.aliases()].join('|'),
    ...command.registeredArguments.map((argument) =>
      argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
    ),
  ].join(' ');

/** Adds the texts to all commands of a program. */
export function describeCommands(program: Command): void {
  for (const command of commandTree(program)) {
    const text = COMMAND_TEXTS[pathOf(command)];
    if (text === undefined) continue;
    if (command.parent === program) command.helpGroup(GROUPS[text.group]);
    for (const argument of command.registeredArguments) {
      argument.description ||= text.arguments?.[argument.name()] ?? '';
    }
    const summary = command.description();
    const details = text.details === undefined ? [] : [filled(text.details, '')];
    command.summary(summary).description([filled(sentence(summary), ''), ...details].join('\n\n'));
    // A command without commander's help option prints the settings, below its purpose.
    if (hasOwnHelp(command)) command.addHelpText('after', () => `\n${closingText(text)}`);
  }
}

/** The whole text about a command without its options. */
export function purposeOf(command: Command): string {
  const text = COMMAND_TEXTS[pathOf(command)];
  return [command.description(), ...(text === undefined ? [] : [closingText(text)])].join('\n\n');
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** What stands behind the options: examples, exit codes, and the page of the documentation. */
export function closingText({ examples, exitCodes = [], docs }: CommandText): string {
  const lines = examples.flatMap(([meaning, line]) => [`  # ${meaning}`, `  multilane ${line}`]);
  const codes = exitCodes.map(([code, meaning]) => filled(meaning, `  ${String(code).padEnd(4)}`, '      '));
  return [
    'Examples:',
    ...lines,
    ...(codes.length === 0 ? [] : ['', 'Exit codes:', ...codes]),
    '',
    `Documentation: docs/${docs} of the package`,
  ].join('\n');
}

/** Whether commander formats the help of a command; otherwise settings-flags.ts does. */
export const hasOwnHelp = (command: Command): boolean =>
  command
    .createHelp()
    .visibleOptions(command)
    .some(({ long }) => long === '--help');
