// `multilane top`: prints problems, routes, breakers and workers of a running process, every second on a
// terminal, otherwise once.
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { counted } from '../../counted.js';
import type { AdminClient } from '../admin-client.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { CommandFailure } from '../command-failure.js';
import { breakerTable, problemLines, routeTable } from '../load-tables.js';
import { type OutputOptions, print, printJson, printScreen, withJson } from '../output.js';
import type { View } from '../plane-views.js';
import { durationOf, workerTable } from '../worker-table.js';

const EVERY_MS = 1_000;
/** Rows of each table where all tables share a screen. */
const ON_SCREEN = { problems: 4, routes: 8, breakers: 5 };
const ONCE = { problems: 100, routes: 200, breakers: 1_000 };

interface TopOptions extends AdminOptions, OutputOptions {
  readonly once?: true;
}

interface Sample {
  /** On `performance.now()`. */
  readonly at: number;
  readonly workers: View<'workers'>;
  readonly metrics: View<'totals'>;
  /** Undefined where the process is of an older version. */
  readonly overview: View<'overview'> | undefined;
  readonly routes: View<'routes'> | undefined;
  readonly breakers: View<'breakers'> | undefined;
}

export function topCommand(program: Command): void {
  withJson(withAdmin(program.command('top')))
    .description('watch load, routes, breakers and workers of the running process')
    .option('--once', 'print once, also on a terminal')
    .action(async (options: TopOptions) => {
      const plane = await adminPlane(options);
      const first = await sample(plane);
      if (options.json) {
        const { at: _, ...parts } = first;
        await printJson(parts);
      } else if (process.stdout.isTTY && options.once === undefined) await watch(plane, first);
      else await print(linesOf(plane, first, undefined, ONCE));
    });
}

async function sample(plane: AdminClient): Promise<Sample> {
  const [workers, metrics] = await Promise.all([
    plane.get('/workers', 'workers'),
    plane.get('/metrics.json', 'totals'),
  ]);
  const [overview, routes, breakers] = await Promise.all([
    plane.find('/overview', 'overview'),
    plane.find('/routes?limit=200', 'routes'),
    plane.find('/breakers', 'breakers'),
  ]);
  return { at: performance.now(), workers, metrics, overview, routes, breakers };
}

/**
 * Prints samples until Ctrl-C. While the process does not respond, for example during a restart, it shows
 * why.
 */
async function watch(plane: AdminClient, first: Sample): Promise<never> {
  let last = first;
  let lines = linesOf(plane, first, undefined, ON_SCREEN);
  const draw = (): Promise<void> => printScreen(lines);
  // Draws the last sample again when the size of the terminal changes.
  process.stdout.on('resize', () => void draw().catch(() => undefined));
  for (;;) {
    await draw();
    await delay(EVERY_MS);
    try {
      const next = await sample(plane);
      lines = linesOf(plane, next, last, ON_SCREEN);
      last = next;
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      lines = [error.message];
    }
  }
}

function linesOf(
  { url }: AdminClient,
  now: Sample,
  last: Sample | undefined,
  most: typeof ON_SCREEN,
): readonly string[] {
  const { workers, metrics, overview, routes, breakers } = now;
  const tables = [
    overview === undefined ? [] : problemLines(overview, most.problems),
    breakers === undefined ? [] : breakerTable(breakers, most.breakers),
    routes === undefined ? [] : routeTable(routes, most.routes),
    workerTable(workers, Date.now()),
  ];
  return [
    `${url}  up ${durationOf(metrics.uptime_seconds * 1000)}`,
    `${rateOf(now, last)}${counted(metrics.request_count, 'request')}, ${counted(metrics.error_count, 'error')}, ${metrics.active_requests} active`,
    latencyOf(now),
    ...tables.filter((table) => table.length > 0).flatMap((table) => ['', ...table]),
  ];
}

/** The rates of the process itself; for an older one, those between two samples. */
function rateOf(now: Sample, last: Sample | undefined): string {
  if (now.overview !== undefined) {
    const { perSecond, errorsPerSecond } = now.overview.requests;
    return `${rounded(perSecond)} requests/s, ${rounded(errorsPerSecond)} errors/s; `;
  }
  return last === undefined ? '' : `${ratePerSecond(now, last)} requests/s, `;
}

function latencyOf({ metrics, overview }: Sample): string {
  const { p50, p90, p99, max } = metrics.response_time_ms;
  const isMeasured = metrics.request_count > 0;
  const shown = (ms: number | null): string => (isMeasured && ms !== null ? `${ms} ms` : '-');
  const sinceStart = `since the start: p50 ${shown(p50)}, p90 ${shown(p90)}, p99 ${shown(p99)}, max ${shown(max)}`;
  if (overview === undefined || overview.latencyMs.p50 === null) return sinceStart;
  const { p50: half, p99: most } = overview.latencyMs;
  return `last ${overview.windowS} s: p50 ${shown(half)}, p99 ${shown(most)}; ${sinceStart}`;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** Requests per second since the last sample; 0 when the process was restarted and counts from 0 again. */
function ratePerSecond(now: Pick<Sample, 'at' | 'metrics'>, last: Sample): number {
  const requests = now.metrics.request_count - last.metrics.request_count;
  return Math.round((Math.max(0, requests) * 1000) / Math.max(1, now.at - last.at));
}
