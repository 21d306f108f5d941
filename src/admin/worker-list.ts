// `GET /workers`: what every worker publishes in shared memory, together with what the supervisor knows of
// it. While a worker is replaced it is listed twice, once for each generation.
import type { AllWorkers } from '../cluster/all-workers.js';
import { shownAs } from '../cluster/worker-life.js';
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import { elapsed, toWord } from '../memory/elapsed.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { type RouteNames, rowBudget } from '../memory/route-names.js';
import { readWorker, type WorkerReading } from '../memory/worker-row.js';
import type { WorkerView } from './telemetry-routes.js';

/** What the slot of a thread that has ended shows, which may belong to a thread of another worker by now. */
const NOTHING: WorkerReading = {
  slot: 0,
  worker: 0,
  generation: 0,
  heartbeat: 0,
  connections: 0,
  inFlight: 0,
  requests: 0,
  errors: 0,
  loopUtilization: 0,
  loopDelayP99Us: 0,
  heapUsedBytes: 0,
  heapRetainedBytes: 0,
  currentRoute: undefined,
  currentSince: 0,
};

function ownRow(block: Block, slot: number, worker: number, generation: number, now: number): WorkerReading {
  const row = readWorker(block, slot, now);
  return row.worker === worker && row.generation === generation ? row : NOTHING;
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

export function workerList(
  supervisor: Pick<AllWorkers, 'threads'>,
  block: Block,
  series: SeriesMemory,
  clock: Clock,
  names: RouteNames,
): readonly WorkerView[] {
  const now = clock();
  const budget = rowBudget();
  return supervisor.threads.map(({ worker, kind, slot, generation, state, isOverdue, startedAt }) => {
    const row = ownRow(block, slot, worker, generation, now);
    const { currentRoute, currentSince } = row;
    const sinceMs = elapsed(toWord(now), currentSince);
    const nameOf = (route: number): string | null =>
      names.of(series.of(slot), route, budget)?.template ?? null;
    return {
      id: worker,
      kind,
      generation,
      state: shownAs(state, isOverdue),
      startedAt: startedAt.toISOString(),
      connections: row.connections,
      inFlight: row.inFlight,
      requests: row.requests,
      loopUtilization: rounded(row.loopUtilization, 3),
      loopDelayP99Ms: rounded(row.loopDelayP99Us / 1000, 2),
      heapUsedMb: rounded(row.heapUsedBytes / 1048576, 1),
      current: currentRoute === undefined ? null : { route: nameOf(currentRoute), sinceMs },
    };
  });
}
