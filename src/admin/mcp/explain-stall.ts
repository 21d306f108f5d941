// The tool `explain_stall`: which handler blocks the event loop of a worker, and which routes did so before.
import { NotFoundError } from '../../errors.js';
import { itemsOf, type Shown } from './mcp-tool.js';
import type { Read } from './plane-reader.js';

/** Shorter than this, a handler is normal work and no stall. */
const LONG_MS = 100;
const MAX_SHOWN = 20;

interface WorkerFacts {
  readonly id: number;
  readonly state: string;
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  readonly current: { readonly route: string | null; readonly sinceMs: number } | null;
}

const ADVICE = [
  'Computing that lasts belongs on the CPU pool: `cpu.run` (docs/cpu.md).',
  'GET /workers/:id/profile?seconds=5 on the admin plane records a CPU profile of a worker.',
  'A worker that is blocked for STALL_MS is interrupted and replaced (docs/cluster.md).',
];

/** @throws NotFoundError for a worker that does not exist */
export async function explainStall(read: Read, worker?: number): Promise<Shown> {
  const all = itemsOf(await read('/workers')) as unknown as readonly WorkerFacts[];
  const workers = worker === undefined ? all : all.filter(({ id }) => id === worker);
  if (worker !== undefined && workers.length === 0) throw new NotFoundError(`There is no worker ${worker}.`);
  const blocked = workers.filter(({ current }) => current !== null && current.sinceMs >= LONG_MS);
  const [flights, stalls, cpu] = await Promise.all([
    flightsOf(read, blocked.slice(0, MAX_SHOWN)),
    routesThatStall(read),
    read.optional('/cpu') as Promise<{ readonly shares?: unknown } | undefined>,
  ]);
  return {
    note: noteOf(workers, blocked),
    data: {
      blocked: blocked.slice(0, MAX_SHOWN).map((one) => ({ ...one, requests: flights.get(one.id) ?? [] })),
      workersWithSlowLoops: workers
        .filter(({ loopDelayP99Ms }) => loopDelayP99Ms >= LONG_MS)
        .slice(0, MAX_SHOWN),
      routesThatStalledBefore: stalls,
      cpuShares: itemsOf(cpu?.shares).slice(0, MAX_SHOWN),
      advice: ADVICE,
    },
  };
}

function noteOf(workers: readonly WorkerFacts[], blocked: readonly WorkerFacts[]): string {
  const stalled = workers.filter(({ state }) => state === 'stalled' || state === 'wedged');
  if (blocked.length === 0 && stalled.length === 0) {
    return `No handler has occupied an event loop for ${LONG_MS} ms or more.`;
  }
  const lines = blocked
    .slice(0, MAX_SHOWN)
    .map(
      ({ id, state, current }) =>
        `Worker ${id} (${state}) has run handlers without a pause for ${current!.sinceMs} ms; now it is in ${current!.route ?? 'a route that is not known'}.`,
    );
  const silent = stalled.filter((one) => !blocked.includes(one));
  const others = silent.map(({ id, state }) => `Worker ${id} is ${state}, outside of any handler.`);
  return [...lines, ...others.slice(0, MAX_SHOWN)].join(' ');
}

async function flightsOf(read: Read, workers: readonly WorkerFacts[]): Promise<Map<number, unknown>> {
  const found = await Promise.all(
    workers.map(async ({ id }) => [id, itemsOf(await read.optional('/flights', { worker: id }))] as const),
  );
  return new Map(found.map(([id, items]) => [id, items.slice(0, MAX_SHOWN)]));
}

async function routesThatStall(read: Read): Promise<readonly unknown[]> {
  return itemsOf(await read.optional('/routes', { sort: 'stalls', limit: MAX_SHOWN }))
    .filter(({ stalls }) => Number(stalls ?? 0) > 0)
    .map(({ method, route, stalls, p99Ms, maxMs, cpuRatio }) => ({
      method,
      route,
      stalls,
      p99Ms,
      maxMs,
      cpuRatio,
    }));
}
