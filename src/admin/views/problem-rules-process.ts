// Problems of the process itself: readiness, workers, memory, and what it cannot report any more.
import { counted } from '../../counted.js';
import { OVERFLOW } from '../../memory/metrics/series.js';
import { listed, type Problem, type ProblemFacts, pageAt, percent, problem } from './problem-facts.js';
import type { Traffic } from './traffic.js';

/** A loop that is busier than this has no time left for a burst. */
const BUSY_LOOP = 0.95;
const MOST_NAMED = 10;

export function processProblems(facts: ProblemFacts): readonly Problem[] {
  return [
    ...unready(facts),
    ...workers(facts),
    ...restarts(facts),
    ...loops(facts),
    ...heaps(facts),
    ...stalls(facts),
    ...lost(facts),
    ...labels(facts),
    ...logLevel(facts),
  ];
}

/** What is not served while no worker of a kind is in rotation. */
const UNSERVED = [
  { kind: 'http', id: 'no-worker', what: 'requests', effect: 'Every new request gets 503' },
  { kind: 'grpc', id: 'no-worker:grpc', what: 'gRPC calls', effect: 'gRPC calls fail or wait' },
] as const;

function* unready({ readiness, statuses }: ProblemFacts): Generator<Problem> {
  for (const { kind, id, what, effect } of UNSERVED) {
    const ofKind = statuses.filter((worker) => worker.kind === kind);
    if (ofKind.length === 0 || ofKind.some(({ isServing }) => isServing)) continue;
    yield problem({
      id,
      severity: 'critical',
      title: `No worker serves ${what}`,
      detail: `${effect} until a worker is ready. The log says why the last ones have ended.`,
      page: '#/workers',
    });
  }
  if (!readiness.ready)
    yield problem({
      id: 'not-ready',
      severity: 'critical',
      title: 'The process is not ready',
      detail: `Load balancers send it no requests: ${readiness.reasons.join('; ') || 'it is starting'}.`,
      page: '#/overview',
    });
}

function* workers({ workers: all }: ProblemFacts): Generator<Problem> {
  const named = all.filter(({ state }) => state === 'stalled' || state === 'wedged');
  for (const { id, state, current, startedAt } of named.slice(0, MOST_NAMED)) {
    const where =
      current === null
        ? 'outside of a handler'
        : `in ${current.route ?? 'a handler whose route is not known'} for ${current.sinceMs} ms`;
    const what =
      state === 'stalled'
        ? 'It gets no new connections; the handler is interrupted where that is safe.'
        : 'It cannot be interrupted; another thread serves in its place.';
    yield problem({
      id: `worker:${id}:${startedAt ?? ''}`,
      severity: 'warning',
      title: `Worker ${id} is ${state}`,
      detail: `Its event loop is blocked ${where}. ${what}`,
      page: pageAt('worker', { id: String(id) }),
    });
  }
}

/** A reload replaces workers as well, which is no problem. */
function* restarts({ traffic }: ProblemFacts): Generator<Problem> {
  for (const [reason, { recent }] of traffic.counts('multilane_worker_restarts_total')) {
    if (recent === 0 || reason === 'reload') continue;
    yield problem({
      id: `worker-restarts:${reason}`,
      severity: 'warning',
      title: `${counted(recent, 'worker was', 'workers were')} replaced (${reason})`,
      detail: 'The log has the reason of each, and the requests that it had in flight.',
      page: '#/workers',
    });
  }
}

function* loops({ workers: all }: ProblemFacts): Generator<Problem> {
  const busy = all.filter(({ loopUtilization }) => loopUtilization > BUSY_LOOP);
  if (busy.length === 0) return;
  yield problem({
    id: 'loop',
    severity: 'warning',
    title: `${counted(busy.length, 'event loop is', 'event loops are')} busy all the time`,
    detail: `${busy.length === 1 ? 'Worker' : 'Workers'} ${listed(busy.map(({ id }) => String(id)))} ${busy.length === 1 ? 'has' : 'have'} no time left. Look which routes use it, move work to the CPU pool, or add workers.`,
    page: '#/workers',
  });
}

function* heaps({ fullHeaps }: ProblemFacts): Generator<Problem> {
  if (fullHeaps.length === 0) return;
  const shown = fullHeaps.map(({ worker, ratio }) => `${worker} (${percent(ratio)})`);
  yield problem({
    id: 'heap',
    severity: 'warning',
    title: `${counted(fullHeaps.length, 'worker retains', 'workers retain')} nearly all the heap that it may`,
    detail: `${shown.length === 1 ? 'Worker' : 'Workers'} ${listed(shown)} of the limit (WORKER_HEAP_MB). A worker above it is replaced.`,
    page: '#/workers',
  });
}

function* stalls({ traffic }: ProblemFacts): Generator<Problem> {
  for (const [route, { recent }] of traffic.counts('multilane_handler_stalls_total')) {
    if (recent === 0) continue;
    const what = `${counted(recent, 'stall')} of at least STALL_MS in the last seconds. Other requests of the worker waited meanwhile`;
    yield problem({
      id: `stalls:${route}`,
      severity: 'warning',
      title: route === '' ? 'An event loop was blocked' : `${route} has blocked an event loop`,
      detail:
        route === ''
          ? `${what}. No handler of a known route was interrupted: code outside of handlers has blocked it, code that cannot be interrupted, or many short requests in one turn. The flight record in the log names the last ones; a CPU profile of the worker shows the code.`
          : `${what}; a CPU profile of the worker shows the code.`,
      page: pageOf(traffic, route),
    });
  }
}

/**
 * Stalls are counted by template alone: the page of the route, unless several methods have it. Without a
 * template it is the page of the workers, where a CPU profile is recorded.
 */
function pageOf(traffic: Traffic, template: string): string {
  if (template === '') return '#/workers';
  const [first, ...others] = [...traffic.routes()].filter(([, { route }]) => route === template);
  if (first === undefined || others.length > 0) return pageAt('routes', { search: template });
  return pageAt('route', { method: first[1].method, route: template });
}

interface Loss {
  readonly id: string;
  readonly metric: string;
  readonly one: string;
  readonly many: string;
  /** @param labels under which it was counted */
  readonly detail: (labels: string) => string;
  readonly page: string;
}

const LOSSES: readonly Loss[] = [
  {
    id: 'logs-dropped',
    metric: 'multilane_log_lines_dropped_total',
    one: 'log line was',
    many: 'log lines were',
    detail: () => 'The reader of standard output is too slow. Raise LOG_LEVEL, or read faster.',
    page: '#/switches',
  },
  {
    id: 'spans-dropped',
    metric: 'multilane_spans_dropped_total',
    one: 'span was',
    many: 'spans were',
    detail: (reasons) => `They did not reach the collector: ${reasons}.`,
    page: '#/switches',
  },
  {
    id: 'otlp-dropped',
    metric: 'multilane_otlp_items_dropped_total',
    one: 'exported item was',
    many: 'exported items were',
    detail: (signals) => `They did not reach the collector: ${signals}. A warning in the log has the reason.`,
    page: '#/settings',
  },
];

function* lost({ traffic }: ProblemFacts): Generator<Problem> {
  for (const { id, metric, one, many, detail, page } of LOSSES) {
    const counts = [...traffic.counts(metric)].filter(([, { recent }]) => recent > 0);
    const total = counts.reduce((sum, [, { recent }]) => sum + recent, 0);
    if (total === 0) continue;
    yield problem({
      id,
      severity: 'warning',
      title: `${counted(total, one, many)} lost`,
      detail: detail(counts.map(([label]) => label).join(', ')),
      page,
    });
  }
}

function* labels({ traffic }: ProblemFacts): Generator<Problem> {
  const full = [...traffic.counts(OVERFLOW)].filter(([, { total }]) => total > 0).map(([metric]) => metric);
  if (full.length === 0) return;
  yield problem({
    id: 'labels',
    severity: 'info',
    title: 'Some series are counted under fewer labels',
    detail: `Too many different labels for ${listed(full)}. Totals stay right; a label with values that clients choose is the usual cause.`,
    page: '#/overview',
  });
}

function* logLevel({ logLevel: { level, setting, since, reason } }: ProblemFacts): Generator<Problem> {
  if (level === setting) return;
  yield problem({
    id: 'log-level',
    severity: 'info',
    title: `The log level is ${level} instead of ${setting}`,
    detail: `An operator has changed it${reason === null ? '.' : `: ${reason}`}`,
    page: '#/switches',
    since,
  });
}
