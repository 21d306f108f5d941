// The table of contents of the command line. A command is one file: it declares its words and options here
// and loads what it needs only when it runs.
import { Command } from 'commander';
import { version } from '../config/print.js';
import { checkCommand } from './commands/check.js';
import { completionCommand } from './commands/completion.js';
import { devCommand } from './commands/dev.js';
import { migrateCommand } from './commands/migrate.js';
import { newCommand } from './commands/new.js';
import { psCommand } from './commands/ps.js';
import { reloadCommand } from './commands/reload.js';
import { routesCommand } from './commands/routes.js';
import { sagasCommand } from './commands/sagas.js';
import { startCommand } from './commands/start.js';
import { topCommand } from './commands/top.js';

/** In the order of `multilane --help`. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  startCommand,
  devCommand,
  newCommand,
  checkCommand,
  routesCommand,
  psCommand,
  topCommand,
  reloadCommand,
  sagasCommand,
  migrateCommand,
  completionCommand,
];

/** Ends nothing by itself: what commander would exit for is thrown as a CommanderError. */
export function createProgram(): Command {
  const program = new Command('multilane')
    .description('Multi-core microservice runtime for Node.js.')
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showSuggestionAfterError()
    // Flags of `start` are its own, whatever the program's are called.
    .enablePositionalOptions()
    .exitOverride();
  for (const declare of COMMANDS) declare(program);
  return program;
}
