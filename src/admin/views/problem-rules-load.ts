// Problems of the work: requests that fail or are refused, limits that are used up, sagas that are stuck.
import { counted } from '../../counted.js';
import { CONNECTION_REASONS, OVERLOAD_REASONS } from '../../telemetry/shed-reasons.js';
import {
  listed,
  MOST_SAGAS,
  type Problem,
  type ProblemFacts,
  pageAt,
  percent,
  problem,
} from './problem-facts.js';
import type { RouteTraffic } from './traffic.js';

const MUCH_FAILS = 0.5;
const SOME_FAIL = 0.05;
/** Fewer errors in the window say nothing about a route. */
const LEAST_ERRORS = 3;
const MOST_ROUTES = 20;
const NEARLY_ALL = 0.9;
/** A rate limit that refuses no more than this share of the requests does its work. */
const MUCH_REFUSED = 0.1;
const LEAST_REFUSED = 10;
/** Callers that wait less than this in a window, together, are a burst. */
const LEAST_WAITED_S = 5;
/** Limits that have rules of their own. */
const APART = new Set(['event loops', 'heap', 'CPU pool', 'CPU queue', 'database connections']);

export function loadProblems(facts: ProblemFacts): readonly Problem[] {
  return [
    ...sagas(facts),
    ...errors(facts),
    ...databases(facts),
    ...shedding(facts),
    ...rateLimits(facts),
    ...cpu(facts),
    ...saturated(facts),
    ...routesOff(facts),
  ];
}

function* sagas({ sagas: count }: ProblemFacts): Generator<Problem> {
  if (count === undefined) {
    yield problem({
      id: 'sagas-unknown',
      severity: 'info',
      title: 'It is not known yet whether sagas need an operator',
      detail:
        'The journals have not responded in time. Look again in a few seconds; if it stays, see the databases.',
      page: '#/sagas?status=needs-attention',
    });
    return;
  }
  if (count === 0) return;
  yield problem({
    id: 'sagas',
    severity: 'critical',
    title: `${count > MOST_SAGAS ? `More than ${MOST_SAGAS} sagas need` : counted(count, 'saga needs', 'sagas need')} an operator`,
    detail:
      'Their compensation has failed or their definition is missing. Read the reason, then retry or skip the step.',
    page: '#/sagas?status=needs-attention',
  });
}

interface Failing {
  readonly traffic: RouteTraffic;
  readonly failed: number;
  readonly all: number;
}

function* errors(facts: ProblemFacts): Generator<Problem> {
  for (const { traffic, failed, all } of failingRoutes(facts).slice(0, MOST_ROUTES)) {
    const { method, route } = traffic;
    const name = `${method} ${route}`.trim();
    yield problem({
      id: `errors:${name}`,
      severity: failed > all * MUCH_FAILS ? 'critical' : 'warning',
      title: `${percent(failed / all)} of the requests of ${name} fail`,
      detail: `${failed} of ${counted(all, 'request')} in the last ${facts.traffic.windowS} s had a status of 500 or above.`,
      page: pageAt('route', { method, route }),
    });
  }
}

/** The routes that fail, with the most errors first. What an operator has switched off is meant to refuse. */
function failingRoutes({ traffic: seen }: ProblemFacts): readonly Failing[] {
  const failing: Failing[] = [];
  for (const traffic of seen.failedRoutes()) {
    const { errors: failures, durations, switchedOff } = traffic;
    if (failures.recent < LEAST_ERRORS) continue;
    const failed = failures.recent - switchedOff.recent;
    const all = durations.count.recent - switchedOff.recent;
    if (failed >= LEAST_ERRORS && failed > all * SOME_FAIL) failing.push({ traffic, failed, all });
  }
  return failing.sort((a, b) => b.failed - a.failed);
}

/** A pool keeps idle connections, so it is no problem that all are held unless callers wait all the time. */
function* databases({ database: { held, most }, traffic }: ProblemFacts): Generator<Problem> {
  const waits = [...traffic.counts('multilane_database_wait_seconds_total')];
  const waitedS = waits.reduce((sum, [, { recent }]) => sum + recent, 0);
  const waiting = waits.reduce((sum, [, { perSecond }]) => sum + perSecond, 0);
  if (waitedS < LEAST_WAITED_S || waiting <= 1 || held < most * NEARLY_ALL) return;
  const isOut = held >= most;
  yield problem({
    id: 'databases',
    severity: isOut ? 'critical' : 'warning',
    title: isOut ? 'All database connections are in use' : 'Nearly all database connections are in use',
    detail: `${held} of ${most} (DATABASE_POOL_MAX), and in the last ${traffic.windowS} s ${waiting.toFixed(1)} callers have waited for one on average. Callers that get none before their deadline see 503 DATABASE_BUSY.`,
    page: '#/limits',
  });
}

function* shedding({ traffic }: ProblemFacts): Generator<Problem> {
  const counts = new Map(traffic.counts('multilane_requests_shed_total'));
  const subjects = [
    ['shedding', OVERLOAD_REASONS, 'request was', 'requests were'],
    ['connections', CONNECTION_REASONS, 'connection was', 'connections were'],
  ] as const;
  for (const [id, watched, one, many] of subjects) {
    const reasons = watched
      .map((reason) => [reason, counts.get(reason)?.recent ?? 0] as const)
      .filter(([, recent]) => recent > 0);
    if (reasons.length === 0) continue;
    const refused = reasons.reduce((sum, [, recent]) => sum + recent, 0);
    yield problem({
      id,
      severity: 'warning',
      title: `${counted(refused, one, many)} refused`,
      detail: `In the last ${traffic.windowS} s, because of ${listed(reasons.map(([reason, recent]) => `${reason} (${recent})`))}.`,
      page: '#/limits',
    });
  }
}

function* rateLimits({ traffic }: ProblemFacts): Generator<Problem> {
  const all = traffic.requests.count.recent;
  for (const [limit, { recent }] of traffic.counts('multilane_rate_limited_total')) {
    if (recent < LEAST_REFUSED || recent <= all * MUCH_REFUSED) continue;
    yield problem({
      id: `rate-limit:${limit}`,
      severity: 'warning',
      title: `A rate limit refuses ${percent(recent / Math.max(recent, all))} of the requests`,
      detail: `${limit === '' ? 'The limit' : `Limit ${limit}`} has refused ${counted(recent, 'request')} in the last ${traffic.windowS} s.`,
      page: '#/limits',
    });
  }
}

function* cpu({ cpu: { queued, queueLimit, stuck }, traffic }: ProblemFacts): Generator<Problem> {
  const refusals = [...traffic.counts('multilane_cpu_tasks_refused_total')];
  const refused = refusals.reduce((sum, [, { recent }]) => sum + recent, 0);
  if (refused > 0 || queued >= queueLimit * NEARLY_ALL)
    yield problem({
      id: 'cpu-queue',
      severity: 'warning',
      title: refused > 0 ? 'CPU tasks are refused' : 'The queue of the CPU pool is nearly full',
      detail: `${queued} of ${queueLimit} places are taken, ${counted(refused, 'task was', 'tasks were')} refused in the last ${traffic.windowS} s (503 CPU_QUEUE_FULL).`,
      page: '#/cpu',
    });
  if (stuck > 0)
    yield problem({
      id: 'cpu-stuck',
      severity: 'warning',
      title: `${counted(stuck, 'CPU thread is', 'CPU threads are')} stuck`,
      detail: 'They were ordered to end and are still in native code, which cannot be interrupted.',
      page: '#/cpu',
    });
}

function* saturated({ saturation }: ProblemFacts): Generator<Problem> {
  for (const { name, used, limit, ratio, unit } of saturation) {
    if (ratio === null || ratio <= NEARLY_ALL || APART.has(name)) continue;
    yield problem({
      id: `saturated:${name}`,
      severity: 'warning',
      title: `${percent(ratio)} of the limit of ${name} is used`,
      detail: `${used} of ${limit === 1 ? counted(1, unit.replace(/s$/, '')) : `${limit} ${unit}`}. Beyond it requests are refused.`,
      page: '#/limits',
    });
  }
}

function* routesOff({ routesOff: off }: ProblemFacts): Generator<Problem> {
  for (const { method, route, since, reason } of off) {
    yield problem({
      id: `route-off:${method} ${route}`,
      severity: 'info',
      title: `${method} ${route} is switched off`,
      detail: `An operator has switched it off${reason === null ? '' : `: ${reason}`}. Its requests get 503.`,
      page: '#/switches',
      since,
    });
  }
}
