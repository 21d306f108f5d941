// The tables of `multilane top` beside that of workers: problems, routes, and breakers that are not closed.
// Columns of numbers come first, so that a narrow terminal cuts the names.
import { counted } from '../counted.js';
import { tableOf } from './output.js';
import type { View } from './plane-views.js';
import { durationOf } from './worker-table.js';

const ROUTE_HEAD = ['REQ/S', 'ERR/S', 'P50 MS', 'P99 MS', 'CPU %', 'STALLS', 'ROUTE'];
const BREAKER_HEAD = ['BREAKER', 'SERVICE', 'INSTANCE', 'WHY'];

type Breaker = View<'breakers'>['items'][number];

/** What is wrong now, a line each; no lines when nothing is wrong. */
export function problemLines({ problems }: View<'overview'>, most: number): readonly string[] {
  const shown = problems
    .slice(0, most)
    .map(({ severity, title, detail }) => `${severity}: ${title}. ${detail}`);
  return withRest(shown, problems.length, 'problems');
}

/** The busiest routes. */
export function routeTable({ items }: View<'routes'>, most: number): readonly string[] {
  const busiest = [...items].sort((a, b) => b.perSecond - a.perSecond).slice(0, most);
  const table = tableOf(
    ROUTE_HEAD,
    busiest.map((one) => [
      numberOf(one.perSecond),
      numberOf(one.errorsPerSecond),
      numberOf(one.p50Ms),
      numberOf(one.p99Ms),
      one.cpuRatio === null ? '-' : numberOf(one.cpuRatio * 100),
      one.stalls,
      `${one.method} ${one.route}${one.off ? ' (switched off)' : ''}`,
    ]),
  );
  return withRest(table, items.length - busiest.length + table.length, 'routes');
}

/** Breakers that are open, half-open or forced; one line when there are none. */
export function breakerTable({ items }: View<'breakers'>, most: number): readonly string[] {
  const unusual = items.filter(({ state, forced }) => state !== 'closed' || forced);
  if (unusual.length === 0) return [counted(items.length, 'breaker, closed', 'breakers, all closed')];
  const table = tableOf(
    BREAKER_HEAD,
    unusual.slice(0, most).map((one) => [one.state, one.service, one.instance, reasonOf(one)]),
  );
  return withRest(table, unusual.length + 1, 'breakers');
}

/** The window of a breaker that is not closed is the one that opened it. */
function reasonOf({ forced, window, probes, retryInMs }: Breaker): string {
  if (forced) return 'forced by an operator';
  return [
    window === null ? '' : `${window.failures} of ${window.calls} calls failed`,
    probes === null ? '' : `${probes.succeeded} of ${probes.permitted} probes succeeded`,
    retryInMs === null ? '' : `probes in ${durationOf(retryInMs)}`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

const withRest = (lines: readonly string[], count: number, what: string): readonly string[] =>
  count > lines.length ? [...lines, `… ${count - lines.length} more ${what}`] : lines;

/** At most one decimal, none from 100 on; `-` for a value that is not known. */
function numberOf(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '-';
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
