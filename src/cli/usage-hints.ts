// Hints for wrong usage: the nearest command or option, the names that other tools have for a command, and
// the command that an option belongs to.
import type { Command, CommanderError } from 'commander';
import { OPTIONS } from '../config/command-line.js';
import { filled } from '../config/print.js';
import { flagOf } from '../config/setting-names.js';
import { SETTINGS } from '../config/table.js';
import { suggestedName } from '../name-suggestion.js';
import { commandTree, pathOf } from './command-help.js';

/** Words that other tools have for a command of ours. */
const SYNONYMS: Readonly<Record<string, string>> = {
  ...{ init: 'new', create: 'new', scaffold: 'generate', add: 'generate', make: 'generate' },
  ...{ serve: 'start', run: 'start', up: 'start', watch: 'dev', compile: 'build' },
  ...{ list: 'ps', ls: 'ps', status: 'ps', workers: 'ps', show: 'ps', monit: 'top', monitor: 'top' },
  ...{ restart: 'reload', rollout: 'reload', saga: 'sagas', migrations: 'migrate', 'migrate:up': 'migrate' },
  ...{ config: 'check', validate: 'check', settings: 'check', lint: 'check', doctor: 'info' },
  ...{ env: 'info', version: 'info', load: 'bench', benchmark: 'bench', autocannon: 'bench' },
};

const STOP =
  'There is no such command: press Ctrl-C in its terminal, send SIGTERM to the process, or use what started it ' +
  '(systemctl stop, pm2 stop, docker stop). It drains before it ends.';

/** Sentences for words whose task is not a command of ours. */
const ANSWERS: Readonly<Record<string, string>> = {
  ...{ stop: STOP, kill: STOP, down: STOP, delete: STOP },
  logs:
    'There is no such command: the process writes its logs to stdout, one JSON object a line; read them where ' +
    'stdout goes (the terminal, journalctl -u, pm2 logs, docker logs).',
  test: 'There is no such command: tests run with node --test (npm test in a new project); see docs/testing.md.',
  deploy: 'There is no such command: docs/deployment.md has systemd, pm2 and containers.',
  install: 'There is no such command: npm install sets up a project.',
};

const namesOf = (command: Command): readonly string[] =>
  command.commands.flatMap((sub) => [sub.name(), ...sub.aliases()]);

/** The message for an unknown command below `command`. */
export function unknownCommand(command: Command, word: string): string {
  return [`error: unknown command '${word}'`, ...commandHint(command, word)].join('\n');
}

function commandHint(command: Command, word: string): readonly string[] {
  const prefix = `multilane ${pathOf(command)}`.trim();
  const names = namesOf(command);
  const isTop = command.parent === null;
  const synonym = isTop ? SYNONYMS[word.toLowerCase()] : undefined;
  const answer = isTop ? ANSWERS[word.toLowerCase()] : undefined;
  if (answer !== undefined) return [answer];
  const name = synonym !== undefined && names.includes(synonym) ? synonym : suggestedName(word, names);
  if (name !== undefined) return [`Did you mean: ${prefix} ${name}`];
  return isTop ? ['multilane --help lists all commands.'] : [`Commands: ${names.join(', ')}`];
}

/** What the commands `start`, `dev` and `check` accept as flags. */
const settingFlags: readonly string[] = Object.keys(SETTINGS).map(flagOf);
const SETTING_COMMANDS = 'start, dev and check';

/** The long options of a command that commander parses. */
const optionsOf = (command: Command): readonly string[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, short }) => [long, short].filter((name) => name != null));

/** Commands that a hint about an option names. */
const MOST_OWNERS = 4;

/** Options of Node.js for a debugger, which stand before the file that it runs. */
const DEBUGGER = /^--inspect(?:-brk|-wait|-port)?$/;

/** Says which commands have an option, or that it is one of Node.js; undefined: none has it. */
export function ownersOf(program: Command, option: string): string | undefined {
  if (DEBUGGER.test(option))
    return `${option} is an option of node: node ${option} node_modules/.bin/multilane start (docs/debugging.md).`;
  if (settingFlags.includes(option))
    return `${option} is a setting: multilane ${SETTING_COMMANDS} accept it.`;
  const owners = commandTree(program)
    .filter((command) => command.parent !== null && optionsOf(command).includes(option))
    .map(pathOf);
  if (owners.length === 0) return undefined;
  const named = owners.slice(0, MOST_OWNERS).join(', ');
  return `${option} is an option of multilane ${named}${owners.length > MOST_OWNERS ? ' and others' : ''}.`;
}

/** The short options of other tools. */
const SHORT: Readonly<Record<string, string>> = {
  ...{ '-p': '--port', '-H': '--host', '-c': '--config', '-w': '--workers', '-i': '--workers' },
};

/**
 * The message about a flag of `start`, `dev` or `check` that is an option of another command, or a short
 * option; undefined for any other word, which the settings check.
 */
export function foreignOption(command: Command, word: string): string | undefined {
  const option = word.replace(/=.*$/s, '');
  const long = SHORT[option];
  if (long !== undefined) return `${option}: options have long names here, did you mean ${long}?`;
  if (!option.startsWith('--') || settingFlags.includes(option)) return undefined;
  if (Object.hasOwn(OPTIONS, option) || optionsOf(command).includes(option)) return undefined;
  const owners = ownersOf(rootOf(command), option);
  return owners && `${option}: unknown option of ${command.name()}. ${owners}`;
}

function optionHint(command: Command, option: string): readonly string[] {
  const owners = ownersOf(rootOf(command), option);
  if (owners !== undefined) return [owners];
  const name = nearestOption(option, [...optionsOf(command), ...settingFlags]);
  if (name === undefined)
    return [`multilane ${pathOf(command)} --help lists its options.`.replace('  ', ' ')];
  return settingFlags.includes(name)
    ? [`Did you mean ${name}? ${ownersOf(command, name)}`]
    : [`Did you mean ${name}?`];
}

/** The similar option. The dashes, which all options share, do not count. */
function nearestOption(option: string, known: readonly string[]): string | undefined {
  const words = known.filter((one) => one.startsWith('--')).map((one) => one.slice(2));
  const word = suggestedName(option.replace(/^-+/, ''), words);
  return word && `--${word}`;
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));

/**
 * Prints a hint behind commander's message. Call it after all commands are declared.
 * @throws CommanderError always, where commander would exit the process
 */
export function addHints(program: Command): void {
  for (const command of commandTree(program)) {
    command.showSuggestionAfterError(false).exitOverride((error: CommanderError): never => {
      for (const line of hintsFor(command, error))
        command.configureOutput().writeErr?.(`${filled(line, '')}\n`);
      throw error;
    });
  }
}

function hintsFor(command: Command, { code, message }: CommanderError): readonly string[] {
  const word = /'([^']*)'/.exec(message)?.[1] ?? '';
  if (code === 'commander.unknownCommand') return commandHint(command, word);
  if (code === 'commander.unknownOption') return optionHint(command, word);
  if (code === 'commander.missingArgument' || code === 'commander.excessArguments') {
    return [`Usage: multilane ${pathOf(command)} ${command.usage()}`];
  }
  return [];
}
