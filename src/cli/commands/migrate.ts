// `multilane migrate`: creates and migrates the databases of the project as a start does, without starting
// it.
import type { Command } from 'commander';
import type { ServiceDatabaseState } from '../../primary/service-databases.js';
import { exitProcess } from '../../process/process-exit.js';
import { stderrSink } from '../../telemetry/stderr-sink.js';
import { type OutputOptions, print, printJson, tableOf, withJson } from '../output.js';
import { type ProjectOptions, projectSettings, withProject } from '../project-settings.js';

interface MigrateOptions extends ProjectOptions, OutputOptions {
  readonly status?: true;
}

export function migrateCommand(program: Command): void {
  withJson(withProject(program.command('migrate')))
    .description('create and migrate the databases of the project, and exit')
    .option('--status', 'only list what is applied and what is pending')
    .action(async (options: MigrateOptions) => {
      const settings = await projectSettings(options);
      const { databaseStates, migrateDatabases } = await import('../../primary/migrate-databases.js');
      const { createLogger } = await import('../../telemetry/log.js');
      // A person who waits sees the progress; the log of a deployment has only what went wrong.
      const isWatched = process.stderr.isTTY === true;
      const level = isWatched
        ? ({ logLevel: 'info', logFormat: 'pretty' } as const)
        : ({ logLevel: 'warn' } as const);
      const log = createLogger({ ...settings, ...level }, {}, stderrSink);
      const states = await (options.status ? databaseStates : migrateDatabases)(settings, log);
      const pending = options.status ? 'pending' : 'applied now';
      await (options.json ? printJson(jsonOf(states, pending)) : print(tableFor(states, pending)));
      // The loop may not end by itself: a service may have set a timer while it was loaded.
      await exitProcess(0, false);
    });
}

const rowsOf = (states: readonly ServiceDatabaseState[], pending: string) =>
  states.flatMap(({ service, migrations }) =>
    migrations.map(({ set, name, applied }) => ({
      service,
      set,
      migration: name,
      state: applied ? 'applied' : pending,
    })),
  );

const jsonOf = (states: readonly ServiceDatabaseState[], pending: string) => ({
  items: rowsOf(states, pending),
});

function tableFor(states: readonly ServiceDatabaseState[], pending: string): readonly string[] {
  if (states.length === 0) return ['no service of this project has a database'];
  const rows = rowsOf(states, pending).map((row) => [row.service, row.set, row.migration, row.state]);
  return tableOf(['SERVICE', 'SET', 'MIGRATION', 'STATE'], rows);
}
