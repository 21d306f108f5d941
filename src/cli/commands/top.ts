// `multilane top`: prints load and workers of a running process, every second on a terminal, otherwise once.
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { CommandFailure } from '../command-failure.js';
import { type OutputOptions, print, printJson, printScreen, withJson } from '../output.js';
import type { View } from '../plane-views.js';
import { durationOf, workerTable } from '../worker-table.js';

const EVERY_MS = 1_000;

interface Sample {
  /** On `performance.now()`. */
  readonly at: number;
  readonly workers: View<'workers'>;
  readonly metrics: View<'totals'>;
}

export function topCommand(program: Command): void {
  withJson(withAdmin(program.command('top')))
    .description('watch load and workers of the running process')
    .action(async (options: AdminOptions & OutputOptions) => {
      const plane = await adminPlane(options);
      const first = await sample(plane);
      if (options.json) await printJson({ workers: first.workers, metrics: first.metrics });
      else if (process.stdout.isTTY) await watch(plane, first);
      else await print(linesOf(plane, first, undefined));
    });
}

async function sample(plane: AdminClient): Promise<Sample> {
  const [workers, metrics] = await Promise.all([
    plane.get('/workers', 'workers'),
    plane.get('/metrics.json', 'totals'),
  ]);
  return { at: performance.now(), workers, metrics };
}

/**
 * Prints samples until Ctrl-C. While the process does not respond, for example during a restart, it shows
 * why.
 */
async function watch(plane: AdminClient, first: Sample): Promise<never> {
  let last = first;
  let lines = linesOf(plane, first, undefined);
  const draw = (): Promise<void> => printScreen(lines);
  // Draws the last sample again when the size of the terminal changes.
  process.stdout.on('resize', () => void draw().catch(() => undefined));
  for (;;) {
    await draw();
    await delay(EVERY_MS);
    try {
      const next = await sample(plane);
      lines = linesOf(plane, next, last);
      last = next;
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      lines = [error.message];
    }
  }
}

function linesOf(
  { url }: AdminClient,
  { at, workers, metrics }: Sample,
  last: Sample | undefined,
): readonly string[] {
  const { p50, p90, p99, max } = metrics.response_time_ms;
  const rate = last === undefined ? '' : `${ratePerSecond({ at, metrics }, last)} requests/s, `;
  return [
    `${url}  up ${durationOf(metrics.uptime_seconds * 1000)}`,
    `${rate}${metrics.request_count} requests, ${metrics.error_count} errors, ${metrics.active_requests} active`,
    `since the start: p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`,
    '',
    ...workerTable(workers, Date.now()),
  ];
}

/** Requests per second since the last sample; 0 when the process was restarted and counts from 0 again. */
function ratePerSecond(now: Pick<Sample, 'at' | 'metrics'>, last: Sample): number {
  const requests = now.metrics.request_count - last.metrics.request_count;
  return Math.round((Math.max(0, requests) * 1000) / Math.max(1, now.at - last.at));
}
