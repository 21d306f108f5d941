// A tasks module whose load fails or takes long, as the environment says.
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

if (existsSync(String(process.env.LOADING_FAILS))) throw new Error('not now');
await sleep(Number(process.env.LOADING_MS ?? 0));

const loads = process.env.LOADING_DOES;
if (loads === 'reject') void Promise.reject(new Error('stray'));
if (loads === 'reject') await sleep(20);
if (loads === 'listen') createServer().listen(Number(process.env.LOADING_PORT));
if (loads === 'exit') process.exit(1);

let runs = 0;

/** How often a task has run in this thread. */
export const countRuns = (): { readonly runs: number; readonly threadId: number } => {
  runs += 1;
  return { runs, threadId };
};
