// How far a reload is, read from `/workers` alone: a worker that is being replaced is listed once per generation.
import type { WorkerView } from '../telemetry/admin/telemetry-routes.js';

/** Generation of each worker before the reload, by id. */
export type Before = ReadonlyMap<number, number>;

type Seen = Pick<WorkerView, 'id' | 'generation' | 'state'>;

export interface Progress {
  /** Those that serve in a newer generation. */
  readonly replaced: readonly Seen[];
  /** `standing`: not all are replaced, and nothing is starting or leaving. */
  readonly state: 'moving' | 'standing' | 'done';
}

export function generationsOf(workers: readonly Seen[]): Before {
  const newest = new Map<number, number>();
  for (const { id, generation } of workers) newest.set(id, Math.max(generation, newest.get(id) ?? 0));
  return newest;
}

export function progressOf(before: Before, workers: readonly Seen[]): Progress {
  const replaced = workers.filter(
    ({ id, generation, state }) => state === 'ready' && generation > (before.get(id) ?? Infinity),
  );
  const isReplaced = (id: number): boolean => replaced.some((one) => one.id === id);
  const old = workers.filter(({ id, generation }) => generation <= (before.get(id) ?? 0));
  if ([...before.keys()].every(isReplaced) && old.length === 0) return { replaced, state: 'done' };
  const twice = workers.length > new Set(workers.map(({ id }) => id)).size;
  const still = workers.every(({ state }) => state === 'ready') && !twice;
  return { replaced, state: still ? 'standing' : 'moving' };
}
