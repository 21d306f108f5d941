// The share of a process in limits over several processes, by which each of them admits its part without a
// message (docs/cluster-limits.md). Of a limit of N per second with a burst of B permits, each of n members
// has
//
//   B >= n  N/n, and B/n whole permits; a permit of the remainder belongs to members that the key names
//   B <  n  N/B and one permit, if the key names it; else nothing, because without a permit a member could
//           not use its part of N
//
// The members of a key are named by rendezvous hashing (D. G. Thaler and C. V. Ravishankar, "Using
// name-based mappings to increase hit rates", IEEE/ACM ToN 1998). So the share of a member never grows when
// others join, which is all that the proof in docs/cluster-limits.md needs.

import { UNITS_PER_MS } from './rate-row.js';

/** What the primary publishes to the workers. */
export interface Share {
  /** The names of the members, sorted. All that may admit anything now are among them. */
  readonly members: readonly string[];
  /** The index of this process among them. */
  readonly self: number;
  /** The secret that all members hash keys with. */
  readonly salt: readonly [number, number];
  /** The rows' clock is at `rowTime` when the shared clock is at `since`; both in units of rate-row.ts. */
  readonly since: number;
  readonly rowTime: number;
  /** The rows' clock runs as among this number of members until `since`, which may be in the future. */
  readonly membersBefore: number;
  /** Changes of the members whose effect may not be over, oldest first. */
  readonly changes: readonly ShareChange[];
  /** Keys of which this process has another part. */
  readonly hot: readonly HotShare[];
}

/** A part of a key that members have agreed on. */
export interface HotShare {
  /** The hash of the key. */
  readonly low: number;
  readonly high: number;
  /** The numbers of its limit: the distance of two admissions of the whole, in units, and the burst. */
  readonly interval: number;
  readonly burst: number;
  /** Where workers count what is asked for: see hot-cells.ts. */
  readonly slot: number;
  /** It is the share itself. */
  readonly isShare: boolean;
  /** In millionths of N. */
  readonly rate: number;
  readonly permits: number;
  /** The part began without anything at this time, by the clock of the rows, or counts as if it had. */
  readonly emptyAt: number;
  /** When it has changed last in any way. */
  readonly changedAt: number;
}

/** A part of a key, without the times of its changes. */
export type DividedKey = Omit<HotShare, 'emptyAt' | 'changedAt'>;

/** The whole rate, in millionths. */
export const WHOLE_RATE = 1_000_000;

/** A key may keep a row for this much longer than its burst takes, so that its part can be a small one. */
const LONGER = 1_000 * UNITS_PER_MS;
const MOST_LONGER = 32;

/**
 * How many times smaller than its share the part of a process may be, at most: a row does not tell times
 * apart that are longer ago.
 * @param interval the distance of two admissions of the whole limit, in units
 */
export const mostTimesSmaller = (burst: number, interval: number): number =>
  burst + Math.min(MOST_LONGER, Math.floor(LONGER / interval));

/** How far ahead a row is of which nothing is left, even of the whole burst. */
export const emptyAhead = (burst: number, interval: number): number =>
  (mostTimesSmaller(burst, interval) + 1) * interval;

/** The distance of two admissions under a share, by the clock of the rows. */
export const shareInterval = (burst: number, interval: number, members: number): number =>
  Math.ceil((interval * Math.min(members, burst)) / members);

/** The distance of two admissions by a part of a key, by the clock of the rows. */
export const partInterval = ({ isShare, rate, interval, burst }: PartTerms, members: number): number =>
  isShare ? shareInterval(burst, interval, members) : Math.ceil((interval * WHOLE_RATE) / (rate * members));

type PartTerms = Pick<HotShare, 'isShare' | 'rate' | 'interval' | 'burst'>;

/** How far ahead a row may be of which all of a share is left, whichever permits that has. */
export const spareAhead = (burst: number, interval: number, members: number): number =>
  emptyAhead(burst, interval) - Math.ceil(burst / members) * shareInterval(burst, interval, members);

/** A change of the number of members, by the clock of the rows. */
export interface ShareChange {
  readonly rowTime: number;
  /** 0: this process had no share, or what it had is not known any more. */
  readonly before: number;
  readonly after: number;
}

/** What a member has of one key. */
export interface KeyShare {
  /** 0: nothing. */
  readonly permits: number;
  /** Among how many members the rate is divided. */
  readonly parts: number;
}

/**
 * The clock of the rows, in units. It runs at the speed of the share in N: with n members, n times slower
 * than the shared clock. So the distance of two admissions is the same for any n, and a row keeps its meaning
 * when n changes.
 */
export const rowTimeAt = (share: Share, now: number): number =>
  share.rowTime + Math.floor((now - share.since) / slownessAt(share, now));

/** How many times slower than the shared clock that of the rows runs. */
export const slownessAt = ({ members, membersBefore, since }: Share, now: number): number =>
  now < since ? membersBefore : members.length;

/** Whether a burst is divided without a remainder, so that the hash of a key need not be looked at. */
export const isEven = (burst: number, members: number): boolean => burst % members === 0;

/**
 * @param hashes of the names of the members, in their order @param low @param high the hash of the key, which
 *   is only looked at where the burst is not divided evenly
 */
export function keyShare(
  burst: number,
  hashes: Int32Array,
  self: number,
  low: number,
  high: number,
): KeyShare {
  const n = hashes.length;
  const permits = Math.floor(burst / n);
  const extra = burst - permits * n;
  const hasExtra = extra > 0 && rankOf(hashes, self, low, high) < extra;
  return { permits: permits + Number(hasExtra), parts: Math.min(n, burst) };
}

/** The number of members that a key prefers to this one. */
function rankOf(hashes: Int32Array, self: number, low: number, high: number): number {
  const own = scoreOf(hashes[self]!, low, high);
  let rank = 0;
  for (let index = 0; index < hashes.length; index++) {
    const score = scoreOf(hashes[index]!, low, high);
    // Equal scores are ordered by the names, which have the same order among any members.
    if (score > own || (score === own && index < self)) rank++;
  }
  return rank;
}

/** A hash of a member and a key: the finalizer of MurmurHash3 over both. */
function scoreOf(member: number, low: number, high: number): number {
  let hash = Math.imul(member ^ low, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16) ^ high, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** FNV-1a of the name of a member. */
export function memberHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash;
}

/**
 * The time, by the clock of the rows, at which the permits of any key were used up at the latest, as far as
 * changes of the members tell. A share that has grown begins with no more permits than it had before.
 * @param interval the distance of two admissions, in units
 */
export function emptyAt(changes: readonly ShareChange[], burst: number, interval: number): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const { rowTime, before, after } of changes) {
    // With fewer permits than members the owners of a key change, and the distance of its admissions.
    const isKept = before > 0 && burst >= Math.max(before, after);
    const kept = isKept ? Math.floor(burst / before) * interval : 0;
    latest = Math.max(latest, rowTime - kept);
  }
  return latest;
}
