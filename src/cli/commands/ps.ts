// `multilane ps`: prints the workers of a running process once.
import type { Command } from 'commander';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { type OutputOptions, print, printJson, withJson } from '../output.js';
import { workerTable } from '../worker-table.js';

export function psCommand(program: Command): void {
  withJson(withAdmin(program.command('ps')))
    .description('list the workers of the running process')
    .action(async (options: AdminOptions & OutputOptions) => {
      const plane = await adminPlane(options);
      const workers = await plane.get('/workers', 'workers');
      await (options.json ? printJson(workers) : print(workerTable(workers, Date.now())));
    });
}
