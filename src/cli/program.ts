// The list of all commands. Each command is one file, which declares its arguments and options, and loads the
// modules that it needs only when it runs.
import { Command } from 'commander';
import { version } from '../config/print.js';
import { describeCommands, styleHelp } from './command-help.js';
import { benchCommand } from './commands/bench.js';
import { buildCommand } from './commands/build.js';
import { checkCommand } from './commands/check.js';
import { completionCommand } from './commands/completion.js';
import { devCommand } from './commands/dev.js';
import { generateCommand } from './commands/generate.js';
import { grpcCommand } from './commands/grpc.js';
import { helpCommand } from './commands/help.js';
import { infoCommand } from './commands/info.js';
import { migrateCommand } from './commands/migrate.js';
import { newCommand } from './commands/new.js';
import { psCommand } from './commands/ps.js';
import { reloadCommand } from './commands/reload.js';
import { routesCommand } from './commands/routes.js';
import { sagasCommand } from './commands/sagas.js';
import { startCommand } from './commands/start.js';
import { topCommand } from './commands/top.js';
import { firstSteps } from './first-steps.js';
import { addHints } from './usage-hints.js';

/** The commands in the order of `multilane --help`, which shows them by their groups. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  newCommand,
  devCommand,
  buildCommand,
  generateCommand,
  checkCommand,
  routesCommand,
  grpcCommand,
  completionCommand,
  startCommand,
  migrateCommand,
  psCommand,
  topCommand,
  infoCommand,
  benchCommand,
  reloadCommand,
  sagasCommand,
];

/** Creates the program. Where commander would exit the process, it throws a CommanderError instead. */
export function createProgram(): Command {
  const program = new Command('multilane')
    .usage('COMMAND [argument]... [option]...')
    .description('Multi-core microservice runtime for Node.js.')
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    // Flags after `start` belong to it, even if the program has flags with the same names.
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('before', ({ error }) => (error ? firstSteps(process.cwd()) : ''))
    .addHelpText(
      'after',
      '\nmultilane COMMAND --help describes a command.\nDocumentation: docs/cli.md of the package',
    );
  styleHelp(program);
  for (const declare of COMMANDS) declare(program);
  helpCommand(program);
  describeCommands(program);
  addHints(program);
  return program;
}
