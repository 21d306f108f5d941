// `multilane help [COMMAND]...`: prints the same as `multilane COMMAND --help`, also for subcommands.
import type { Command } from 'commander';
import { unknownCommand } from '../usage-hints.js';

export function helpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command('help [command...]', { hidden: true })
    .description('print the help of a command')
    .action((words: readonly string[], _options: unknown, help: Command) => {
      let command = program;
      for (const word of words) {
        const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
        if (next === undefined) help.error(unknownCommand(command, word));
        command = next;
      }
      command.outputHelp();
    });
}
