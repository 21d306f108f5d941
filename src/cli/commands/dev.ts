// `multilane dev`: the process as a child of ours, stopped in order and started anew when a file has changed.
import type { Command } from 'commander';
import { settingsHelp, takesSettings } from '../settings-flags.js';

export function devCommand(program: Command): void {
  takesSettings(program.command('dev'))
    .description('start the project, and start it anew on every change')
    .configureHelp({ formatHelp: () => settingsHelp('dev') })
    .action(async (_options: unknown, { args }: Command) => {
      const { develop } = await import('../develop.js');
      process.exitCode = await develop(args);
    });
}
