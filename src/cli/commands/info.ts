// `multilane info`: prints what a report of a fault needs: versions, machine, services and changed settings.
import type { Command } from 'commander';
import { exitProcess } from '../../process/process-exit.js';
import type { Facts, InfoReport } from '../info-report.js';
import { type OutputOptions, print, printJson, tableOf, withJson } from '../output.js';
import { type ProjectOptions, withProject } from '../project-settings.js';

export function infoCommand(program: Command): void {
  withJson(withProject(program.command('info')))
    .description('print versions, machine, services and changed settings, for a bug report')
    .action(async ({ json, config, demo }: ProjectOptions & OutputOptions) => {
      const { infoReport } = await import('../info-report.js');
      const argv = [...(config === undefined ? [] : [`--config=${config}`]), ...(demo ? ['--demo'] : [])];
      const report = await infoReport(process.cwd(), argv, process.stdout.isTTY === true);
      await (json ? printJson(report) : print(linesOf(report)));
      // The loop may not end by itself: modules of the project may have set timers.
      await exitProcess(0, false);
    });
}

function linesOf({ versions, machine, project }: InfoReport): readonly string[] {
  const settings = project.settings.map(({ name, value, source }) => [name, value ?? '-', `# ${source}`]);
  const { folder, fault, httpCore, services, warnings } = project;
  return [
    ...section('Versions', rowsOf(versions)),
    ...section('Machine', rowsOf(machine)),
    ...section('Project', [
      ['folder', folder],
      ...(httpCore === null ? [] : [['HTTP core', httpCore]]),
      ...(fault === null ? [] : [['settings', fault]]),
    ]),
    ...section(
      'Services',
      services.map(({ name, parts }) => [name, parts.join(', ')]),
    ),
    ...section('Settings that differ from the defaults', settings),
    ...section(
      'Warnings',
      warnings.map((warning) => [warning]),
    ),
  ];
}

/** What people read instead of the names that programs read. */
const LABELS: Readonly<Record<string, string>> = {
  ...{ multilane: 'Multilane', node: 'Node.js', v8: 'V8', uWebSockets: 'uWebSockets.js' },
  ...{ postgresql: 'embedded PostgreSQL', typescript: 'TypeScript of the project' },
  ...{ usableProcessors: 'usable processors (affinity, quota)', memoryMiB: 'memory (MiB)' },
  ...{ usableMemoryMiB: 'usable memory (MiB, container limit)', openFiles: 'open files (limit)' },
};

const rowsOf = (facts: Facts): readonly (readonly string[])[] =>
  Object.entries(facts).map(([name, value]) => [LABELS[name] ?? name, String(value ?? '-')]);

/** A heading and a table below it; nothing where the table is empty. */
function section(heading: string, rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  // Each cell is one line, also where a message has several.
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll(/\s*\n\s*/g, ' ')));
  const [, ...lines] = tableOf(
    rows[0]!.map(() => ''),
    cells,
  );
  return [`${heading}:`, ...lines.map((line) => `  ${line}`), ''];
}
