// `multilane check`: the same as `multilane start --check`.
import type { Command } from 'commander';
import { settingsHelp, takesSettings } from '../settings-flags.js';

export function checkCommand(program: Command): void {
  takesSettings(program.command('check'))
    .description('check the settings of the project and print them, secrets masked')
    .configureHelp({ formatHelp: (command) => settingsHelp(command) })
    .action(async (_options: unknown, { args }: Command) => {
      const { runPrimary } = await import('../../primary/run.js');
      const { flagsOfRunnable } = await import('../built-config.js');
      const argv = flagsOfRunnable(args, process.cwd());
      await runPrimary({ argv: [...argv, '--check'], command: 'multilane check' });
    });
}
