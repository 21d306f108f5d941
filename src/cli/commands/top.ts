// `multilane top`: load and workers of a running process, once a second on a terminal, else once.
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { WorkerView } from '../../telemetry/admin/telemetry-routes.js';
import type { MetricsJson } from '../../telemetry/metrics-json.js';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { CommandFailure } from '../failure.js';
import { type OutputOptions, print, printJson, withJson } from '../output.js';
import { durationOf, workerTable } from '../worker-table.js';

const EVERY_MS = 1_000;
/** Cursor to the corner, and everything below it cleared. */
const CLEAR = '\x1b[H\x1b[2J';

interface Look {
  readonly at: number;
  readonly workers: readonly WorkerView[];
  readonly metrics: MetricsJson;
}

export function topCommand(program: Command): void {
  withJson(withAdmin(program.command('top')))
    .description('watch load and workers of the running process')
    .action(async (options: AdminOptions & OutputOptions) => {
      const plane = await adminPlane(options);
      const first = await look(plane);
      if (options.json) await printJson({ workers: first.workers, metrics: first.metrics });
      else if (process.stdout.isTTY) await watch(plane, first);
      else await print(screenOf(plane, first, undefined));
    });
}

async function look(plane: AdminClient): Promise<Look> {
  const [workers, metrics] = await Promise.all([
    plane.get<WorkerView[]>('/workers'),
    plane.get<MetricsJson>('/metrics.json'),
  ]);
  return { at: Date.now(), workers, metrics };
}

/** Until Ctrl-C. A process that is away, for a restart say, is asked again. */
async function watch(plane: AdminClient, first: Look): Promise<never> {
  let last = first;
  await print(CLEAR + screenOf(plane, first, undefined));
  for (;;) {
    await delay(EVERY_MS);
    try {
      const next = await look(plane);
      await print(CLEAR + screenOf(plane, next, last));
      last = next;
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      await print(`${CLEAR}${error.message}\n`);
    }
  }
}

function screenOf({ url }: AdminClient, { at, workers, metrics }: Look, last: Look | undefined): string {
  const { p50, p90, p99, max } = metrics.response_time_ms;
  const rate = last === undefined ? '' : `${ratePerSecond({ at, metrics }, last)} requests/s, `;
  return (
    `${url}  up ${durationOf(metrics.uptime_seconds * 1000)}\n` +
    `${rate}${metrics.request_count} requests, ${metrics.error_count} errors, ${metrics.active_requests} active\n` +
    `since the start: p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms\n\n` +
    workerTable(workers, at)
  );
}

/** A process that was started anew counts from 0 again. */
function ratePerSecond(now: Pick<Look, 'at' | 'metrics'>, last: Look): number {
  const requests = now.metrics.request_count - last.metrics.request_count;
  return Math.round((Math.max(0, requests) * 1000) / Math.max(1, now.at - last.at));
}
