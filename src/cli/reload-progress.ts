// The progress of a reload, derived from `GET /workers`: a worker that is being replaced is listed once for
// each generation.
import type { View } from './plane-views.js';

/** The generation of each worker before the reload, by id. */
export type Before = ReadonlyMap<number, number>;

type ListedWorker = Pick<View<'workers'>[number], 'id' | 'generation' | 'state'>;

export interface Progress {
  /** Workers that serve in a newer generation. */
  readonly replaced: readonly ListedWorker[];
  /** Old threads that are stalled in native code. They cannot be interrupted and may never end. */
  readonly stuck: readonly ListedWorker[];
  /** Threads that still have to start or to end. */
  readonly pending: readonly ListedWorker[];
  /** `idle`: not all workers are replaced, and no thread is starting or ending. */
  readonly state: 'moving' | 'idle' | 'done';
}

export function generationsOf(workers: readonly ListedWorker[]): Before {
  const newest = new Map<number, number>();
  for (const { id, generation } of workers) newest.set(id, Math.max(generation, newest.get(id) ?? 0));
  return newest;
}

export function progressOf(before: Before, workers: readonly ListedWorker[]): Progress {
  const isOld = ({ id, generation }: ListedWorker): boolean => generation <= (before.get(id) ?? 0);
  const responsive = workers.filter(({ state }) => state !== 'wedged');
  const stuck = workers.filter((worker) => isOld(worker) && worker.state === 'wedged');
  const replaced = responsive.filter(
    ({ id, generation, state }) => state === 'ready' && generation > (before.get(id) ?? Infinity),
  );
  const isReplaced = (id: number): boolean => replaced.some((one) => one.id === id);
  const pending = responsive.filter((worker) => isOld(worker) || worker.state !== 'ready');
  const threads = { replaced, stuck, pending };
  if ([...before.keys()].every(isReplaced) && !responsive.some(isOld)) return { ...threads, state: 'done' };
  const hasTwoGenerations = responsive.length > new Set(responsive.map(({ id }) => id)).size;
  const isIdle = responsive.every(({ state }) => state === 'ready') && !hasTwoGenerations;
  return { ...threads, state: isIdle ? 'idle' : 'moving' };
}
