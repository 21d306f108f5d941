// The list of all commands. Each command is one file, which declares its arguments and options, and loads the
// modules that it needs only when it runs.
import { Command } from 'commander';
import { version } from '../config/print.js';
import { checkCommand } from './commands/check.js';
import { completionCommand } from './commands/completion.js';
import { devCommand } from './commands/dev.js';
import { grpcCommand } from './commands/grpc.js';
import { migrateCommand } from './commands/migrate.js';
import { newCommand } from './commands/new.js';
import { psCommand } from './commands/ps.js';
import { reloadCommand } from './commands/reload.js';
import { routesCommand } from './commands/routes.js';
import { sagasCommand } from './commands/sagas.js';
import { startCommand } from './commands/start.js';
import { topCommand } from './commands/top.js';

/** The commands in the order of `multilane --help`. */
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
  grpcCommand,
  migrateCommand,
  completionCommand,
];

/** Creates the program. Where commander would exit the process, it throws a CommanderError instead. */
export function createProgram(): Command {
  const program = new Command('multilane')
    .description('Multi-core microservice runtime for Node.js.')
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showSuggestionAfterError()
    // Flags after `start` belong to it, even if the program has flags with the same names.
    .enablePositionalOptions()
    .exitOverride();
  for (const declare of COMMANDS) declare(program);
  return program;
}
