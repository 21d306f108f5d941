// How far a reload is, read from `/workers` alone: a worker that is being replaced is listed once per
// generation.
import type { View } from './plane-views.js';

/** Generation of each worker before the reload, by id. */
export type Before = ReadonlyMap<number, number>;

type Seen = Pick<View<'workers'>[number], 'id' | 'generation' | 'state'>;

export interface Progress {
  /** Those that serve in a newer generation. */
  readonly replaced: readonly Seen[];
  /** Old threads that stand still for good: nothing can be done about them, and they may never end. */
  readonly stuck: readonly Seen[];
  /** What is not as it is to be in the end. */
  readonly pending: readonly Seen[];
  /** `standing`: not all are replaced, and nothing is starting or leaving. */
  readonly state: 'moving' | 'standing' | 'done';
}

export function generationsOf(workers: readonly Seen[]): Before {
  const newest = new Map<number, number>();
  for (const { id, generation } of workers) newest.set(id, Math.max(generation, newest.get(id) ?? 0));
  return newest;
}

export function progressOf(before: Before, workers: readonly Seen[]): Progress {
  const isOld = ({ id, generation }: Seen): boolean => generation <= (before.get(id) ?? 0);
  const turning = workers.filter(({ state }) => state !== 'wedged');
  const stuck = workers.filter((worker) => isOld(worker) && worker.state === 'wedged');
  const replaced = turning.filter(
    ({ id, generation, state }) => state === 'ready' && generation > (before.get(id) ?? Infinity),
  );
  const isReplaced = (id: number): boolean => replaced.some((one) => one.id === id);
  const pending = turning.filter((worker) => isOld(worker) || worker.state !== 'ready');
  const seen = { replaced, stuck, pending };
  if ([...before.keys()].every(isReplaced) && !turning.some(isOld)) return { ...seen, state: 'done' };
  const twice = turning.length > new Set(turning.map(({ id }) => id)).size;
  const still = turning.every(({ state }) => state === 'ready') && !twice;
  return { ...seen, state: still ? 'standing' : 'moving' };
}
