// `multilane start`: runs in this process, not in a child. Flags, exit codes, signals and the ready line are
// those of `node dist/primary.js`.
import type { Command } from 'commander';
import { settingsHelp, takesSettings } from '../settings-flags.js';

export function startCommand(program: Command): void {
  takesSettings(program.command('start'))
    .description('start the services of the project in this folder')
    .configureHelp({ formatHelp: (command) => settingsHelp(command) })
    .action(async (_options: unknown, { args }: Command) => {
      const { runPrimary } = await import('../../primary/run.js');
      await runPrimary({ argv: args, command: 'multilane start' });
    });
}
