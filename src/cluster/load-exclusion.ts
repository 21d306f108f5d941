// Which workers are left out when new connections are handed out round-robin: those that have clearly more
// than their share in hand, until the others have caught up. Connections live long and are given once, so a
// turn for everybody does not keep them even: each worker that is replaced hands its connections to those
// that were before it.
//
// Steered is by what stays, the least of the last looks: connections of one request come and go in between,
// and are spread well enough by turns.

/** What a worker has in hand: its connections, and those that are busy once more. */
export interface Load {
  readonly connections: number;
  readonly inFlight: number;
}

export const weightOf = ({ connections, inFlight }: Load): number => connections + inFlight;

export interface Seen {
  /** The least weight of the last looks. */
  readonly stays: number;
  /** The last one. */
  readonly now: number;
  readonly isExcluded: boolean;
}

/** Of the mean, and on top of it: what nobody would notice is left alone. */
const LEAVES = { times: 1.25, plus: 8 };
const RETURNS = { times: 1.1, plus: 4 };

/** @returns for each worker whether it is left out from now on: never more than half of them */
export function excludedByLoad(workers: readonly Seen[]): readonly boolean[] {
  const mean = (of: (seen: Seen) => number): number =>
    workers.reduce((sum, seen) => sum + of(seen), 0) / workers.length;
  const staying = mean(({ stays }) => stays);
  const current = mean(({ now }) => now);
  const isCrowded = ({ stays, now, isExcluded }: Seen): boolean =>
    isExcluded
      ? now > current * RETURNS.times + RETURNS.plus
      : stays > staying * LEAVES.times + LEAVES.plus && now > current * RETURNS.times + RETURNS.plus;
  const crowded = workers.filter(isCrowded).sort((a, b) => b.now - a.now);
  const out = new Set(crowded.slice(0, Math.floor(workers.length / 2)));
  return workers.map((seen) => out.has(seen));
}

/** Of the mean, by which the connections of two workers may differ and count as the same. */
const SAME = 1 / 16;

/**
 * While connections are about to come that have lost their worker: workers that do not have the fewest are
 * left out. For so many connections and for a moment only, because one worker may get all that come.
 * @param connections of each worker
 * @returns for each worker whether it is left out from now on: never all of them
 */
export function excludedToFill(connections: readonly number[]): readonly boolean[] {
  const mean = connections.reduce((sum, one) => sum + one, 0) / connections.length;
  const most = (Math.min(...connections) + mean) / 2 + mean * SAME;
  return connections.map((one) => one > most);
}
