// `multilane start`: the process itself, not a child of ours. Same flags, exit codes, signals and ready line
// as
// `node dist/primary.js`.
import type { Command } from 'commander';
import { settingsHelp, takesSettings } from '../settings-flags.js';

export function startCommand(program: Command): void {
  takesSettings(program.command('start'))
    .description('start the services of the project in this folder')
    .configureHelp({ formatHelp: () => settingsHelp('start') })
    .action(async (_options: unknown, { args }: Command) => {
      const { runPrimary } = await import('../../primary/run.js');
      await runPrimary({ argv: args, command: 'multilane start' });
    });
}
