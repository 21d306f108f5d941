// `multilane reload`: replaces all workers one by one, and waits until it is done.
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { CommandFailure } from '../command-failure.js';
import { type OutputOptions, print, printJson, withJson } from '../output.js';
import type { View } from '../plane-views.js';
import { generationsOf, type Progress, progressOf } from '../reload-progress.js';

const LOOK_EVERY_MS = 200;

interface ReloadOptions extends AdminOptions, OutputOptions {
  /** Seconds. */
  readonly timeout?: number;
}

export function reloadCommand(program: Command): void {
  withJson(withAdmin(program.command('reload')))
    .description('replace the workers one by one while requests go on, and wait for it')
    .option(
      '--timeout <seconds>',
      'wait no longer; default: as long as workers start or drain, which the process bounds',
      secondsIn,
    )
    .action(async ({ json, timeout = Number.POSITIVE_INFINITY, ...options }: ReloadOptions) => {
      const plane = await adminPlane(options);
      const say = (line: string): Promise<void> => (json ? Promise.resolve() : print([line]));
      const workers = await follow(plane, timeout, say);
      if (json) await printJson(workers);
    });
}

function secondsIn(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('It is a number of seconds above 0.');
  return seconds;
}

/**
 * @returns the workers in the end
 * @throws CommandFailure when the process lists no worker, and when the reload was given up, is not over in
 *   time, or has left a thread behind
 */
async function follow(
  plane: AdminClient,
  timeoutSeconds: number,
  say: (line: string) => Promise<void>,
): Promise<View<'workers'>> {
  const until = performance.now() + timeoutSeconds * 1000;
  const before = generationsOf(await plane.get('/workers', 'workers'));
  if (before.size === 0) {
    throw new CommandFailure(
      `${plane.url} is no admin plane of a process that serves: the response to GET /workers is [], a list without a worker`,
    );
  }
  await plane.post('/workers/reload', 'nothing');
  const told = new Set<number>();
  let stood = false;
  for (;;) {
    const workers = await plane.get('/workers', 'workers');
    const { pending, replaced, state, stuck } = progressOf(before, workers);
    for (const { id, generation } of replaced) {
      if (!told.has(id)) await say(`worker ${id}: generation ${before.get(id)} -> ${generation}`);
      told.add(id);
    }
    if (state === 'done') {
      if (stuck.length === 0) return workers;
      throw new CommandFailure(
        `all workers are replaced, but ${threadsOf(stuck)} ${stuck.length === 1 ? 'stands' : 'stand'} still ` +
          'and may never end: its code is in memory until the process is started anew',
      );
    }
    const share = `after ${told.size} of ${before.size} workers`;
    // Between two replacements nothing is under way either, so it counts when it is seen twice.
    if (state === 'standing' && stood) {
      throw new CommandFailure(
        `reload stopped ${share}: a replacement did not get ready, ` +
          'the old ones serve on; the log of the process says why',
      );
    }
    stood = state === 'standing';
    if (performance.now() >= until) {
      throw new CommandFailure(
        `reload is not over ${share} and ${timeoutSeconds} s: ${threadsOf(pending) || 'nothing is under way'}; it goes on in the process`,
      );
    }
    await delay(LOOK_EVERY_MS);
  }
}

const threadsOf = (threads: Progress['pending']): string =>
  threads
    .map(({ id, generation, state }) => `worker ${id} of generation ${generation} (${state})`)
    .join(', ');
