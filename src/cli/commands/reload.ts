// `multilane reload`: replaces all workers one by one, and waits until all are replaced.
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, withAdmin } from '../admin-plane.js';
import { CommandFailure } from '../command-failure.js';
import { type OutputOptions, print, printJson, withJson } from '../output.js';
import { planeToChange } from '../plane-to-change.js';
import type { View } from '../plane-views.js';
import { generationsOf, type Progress, progressOf } from '../reload-progress.js';

const POLL_MS = 200;

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
      const plane = await planeToChange(options);
      const report = (line: string): Promise<void> => (json ? Promise.resolve() : print([line]));
      const workers = await follow(plane, timeout, report);
      if (json) await printJson(workers);
    });
}

function secondsIn(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('It is a number of seconds above 0.');
  return seconds;
}

/**
 * Starts a reload and waits until it is done.
 * @param report prints a line about the progress
 * @returns the workers after the reload
 * @throws CommandFailure when the process lists no worker, when the process stops the reload, when it takes
 *   longer than `timeoutSeconds`, and when a stuck thread is left
 */
async function follow(
  plane: AdminClient,
  timeoutSeconds: number,
  report: (line: string) => Promise<void>,
): Promise<View<'workers'>> {
  const until = performance.now() + timeoutSeconds * 1000;
  const before = generationsOf(await plane.get('/workers', 'workers'));
  if (before.size === 0) {
    throw new CommandFailure(
      `${plane.url} is no admin plane of a process that serves: the response to GET /workers is [], a list without a worker`,
    );
  }
  await plane.post('/workers/reload', 'nothing');
  const reported = new Set<number>();
  let wasIdle = false;
  for (;;) {
    const workers = await plane.get('/workers', 'workers');
    const { pending, replaced, state, stuck } = progressOf(before, workers);
    for (const { id, generation } of replaced) {
      if (!reported.has(id)) await report(`worker ${id}: generation ${before.get(id)} -> ${generation}`);
      reported.add(id);
    }
    if (state === 'done') {
      if (stuck.length === 0) return workers;
      throw new CommandFailure(
        `all workers are replaced, but ${threadsOf(stuck)} ${stuck.length === 1 ? 'is' : 'are'} stuck in native ` +
          'code and may never end; restart the process to remove the old code from memory',
      );
    }
    const share = `after ${reported.size} of ${before.size} workers`;
    // Between two replacements the reload is idle for a moment too, so it has stopped when it is idle twice.
    if (state === 'idle' && wasIdle) {
      throw new CommandFailure(
        `reload stopped ${share}: a replacement did not get ready, and the old workers continue to serve; ` +
          'the log of the process has the reason',
      );
    }
    wasIdle = state === 'idle';
    if (performance.now() >= until) {
      throw new CommandFailure(
        `reload is not done ${share} and ${timeoutSeconds} s: ${threadsOf(pending) || 'nothing is pending'}; it continues in the process`,
      );
    }
    await delay(POLL_MS);
  }
}

const threadsOf = (threads: Progress['pending']): string =>
  threads
    .map(({ id, generation, state }) => `worker ${id} of generation ${generation} (${state})`)
    .join(', ');
