// Decides which workers are excluded while new connections are handed out in turn: those that clearly have
// more load than their share, until the others have caught up. Connections are long-lived and are placed
// once, so equal turns do not keep the load even: a worker that is replaced hands its connections to the
// workers that were there before it.
//
// Decisions use long-lived load, the minimum over the recent samples. Connections for a single request come
// and go between two samples, and taking turns spreads them well enough.

/** The load of a worker: its connections, and the requests in flight on them. */
export interface Load {
  readonly connections: number;
  readonly inFlight: number;
}

/** A connection that is busy counts twice. */
export const weightOf = ({ connections, inFlight }: Load): number => connections + inFlight;

export interface WorkerLoad {
  /** The least weight of the recent samples. */
  readonly longLived: number;
  /** The weight of the last sample. */
  readonly current: number;
  readonly isExcluded: boolean;
}

/**
 * A worker is excluded above this limit: a factor of the mean, and a number on top, so that small differences
 * do not matter.
 */
const EXCLUDE_ABOVE = { factor: 1.25, plus: 8 };
/** An excluded worker is included again below this limit. */
const INCLUDE_BELOW = { factor: 1.1, plus: 4 };

/** @returns for each worker whether it is excluded from now on; never more than half of them are */
export function excludedByLoad(workers: readonly WorkerLoad[]): readonly boolean[] {
  const mean = (of: (load: WorkerLoad) => number): number =>
    workers.reduce((sum, load) => sum + of(load), 0) / workers.length;
  const meanLongLived = mean(({ longLived }) => longLived);
  const meanCurrent = mean(({ current }) => current);
  const isAbove = (value: number, limit: typeof EXCLUDE_ABOVE, ofMean: number): boolean =>
    value > ofMean * limit.factor + limit.plus;
  const isCrowded = ({ longLived, current, isExcluded }: WorkerLoad): boolean =>
    isAbove(current, INCLUDE_BELOW, meanCurrent) &&
    (isExcluded || isAbove(longLived, EXCLUDE_ABOVE, meanLongLived));
  const crowded = workers.filter(isCrowded).sort((a, b) => b.current - a.current);
  const excluded = new Set(crowded.slice(0, Math.floor(workers.length / 2)));
  return workers.map((load) => excluded.has(load));
}

/** Connections of two workers count as equal when they differ by at most this part of the mean. */
const EQUAL = 1 / 16;

/**
 * Excludes all workers but those with the fewest connections. To be used only for a moment, while a known
 * number of connections is expected that have lost their worker, because a single worker may receive all of
 * them.
 * @param connections the number of connections of each worker
 * @returns for each worker whether it is excluded from now on; never all of them are
 */
export function excludedToFill(connections: readonly number[]): readonly boolean[] {
  const mean = connections.reduce((sum, one) => sum + one, 0) / connections.length;
  const limit = (Math.min(...connections) + mean) / 2 + mean * EQUAL;
  return connections.map((one) => one > limit);
}
