// `multilane dev`: runs the process as a child, and has it run the new code when a file changes.
import type { Command } from 'commander';
import { DEV_OPTIONS, parseCommandLine } from '../../config/command-line.js';
import { exitProcess } from '../../process/process-exit.js';
import { settingsHelp, takesSettings } from '../settings-flags.js';

const NO_OPEN = '--no-open';
const NO_TYPES = '--no-types';

export function devCommand(program: Command): void {
  takesSettings(program.command('dev'))
    .description('start the project, and run its new code after every change')
    .option(NO_OPEN, DEV_OPTIONS[NO_OPEN])
    .option(NO_TYPES, DEV_OPTIONS[NO_TYPES])
    .configureHelp({ formatHelp: (command) => settingsHelp(command, DEV_OPTIONS) })
    .action(
      async ({ open, types }: { readonly open: boolean; readonly types: boolean }, command: Command) => {
        const { args } = command;
        // Commander takes no option behind the first flag of the process.
        const flags = args.filter((word) => word !== NO_OPEN && word !== NO_TYPES);
        if (parseCommandLine(flags).infoFlags.has('help')) {
          command.outputHelp();
          return;
        }
        const { develop } = await import('../develop.js');
        const code = await develop(flags, {
          opensDashboard: open && !args.includes(NO_OPEN),
          checksTypes: types && !args.includes(NO_TYPES),
        });
        // Nothing that is still open, such as a watch, keeps the process from ending.
        await exitProcess(code, false);
      },
    );
}
