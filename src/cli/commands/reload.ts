// `multilane reload`: replaces all workers one by one, and waits until it is done.
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { WorkerView } from '../../telemetry/admin/telemetry-routes.js';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { CommandFailure } from '../failure.js';
import { type OutputOptions, printJson, withJson } from '../output.js';
import { type Before, generationsOf, progressOf } from '../reload-progress.js';

const LOOK_EVERY_MS = 200;

export function reloadCommand(program: Command): void {
  withJson(withAdmin(program.command('reload')))
    .description('replace the workers one by one while requests go on, and wait for it')
    .action(async (options: AdminOptions & OutputOptions) => {
      const plane = await adminPlane(options);
      const before = generationsOf(await plane.get<WorkerView[]>('/workers'));
      await plane.post('/workers/reload');
      const workers = await follow(plane, before, (line) => {
        if (!options.json) process.stdout.write(`${line}\n`);
      });
      if (options.json) await printJson(workers);
    });
}

/** @returns the workers when all are of a newer generation. @throws CommandFailure when the reload was given up */
async function follow(
  plane: AdminClient,
  before: Before,
  say: (line: string) => void,
): Promise<readonly WorkerView[]> {
  const told = new Set<number>();
  let stood = false;
  for (;;) {
    const workers = await plane.get<WorkerView[]>('/workers');
    const { replaced, state } = progressOf(before, workers);
    for (const { id, generation } of replaced) {
      if (!told.has(id)) say(`worker ${id}: generation ${before.get(id)} -> ${generation}`);
      told.add(id);
    }
    if (state === 'done') return workers;
    // Between two replacements nothing is under way either, so it counts when it is seen twice.
    if (state === 'standing' && stood) {
      throw new CommandFailure(
        `reload stopped after ${told.size} of ${before.size} workers: a replacement did not get ready, ` +
          'the old ones serve on; the log of the process says why',
      );
    }
    stood = state === 'standing';
    await delay(LOOK_EVERY_MS);
  }
}
