// `multilane dev`: runs the process as a child, and restarts it gracefully when a file changes.
import type { Command } from 'commander';
import { settingsHelp, takesSettings } from '../settings-flags.js';

export function devCommand(program: Command): void {
  takesSettings(program.command('dev'))
    .description('start the project, and restart it on every change')
    .configureHelp({ formatHelp: () => settingsHelp('dev') })
    .action(async (_options: unknown, { args }: Command) => {
      const { develop } = await import('../develop.js');
      process.exitCode = await develop(args);
    });
}
