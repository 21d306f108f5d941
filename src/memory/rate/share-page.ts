// Where the primary publishes the share of this process (share.ts), and until when it may be used. Workers
// read both in place, so an admission needs no message and no other thread.
import type { Block } from '../block.js';
import type { Clock } from '../clock.js';
import { TextPage } from '../text-page.js';
import { KeyRows } from './key-rows.js';
import { type Moment, systemWallClock } from './moment.js';
import { UNITS_PER_MS } from './rate-row.js';
import {
  emptyAhead,
  emptyAt,
  type HotShare,
  partInterval,
  rowTimeAt,
  type Share,
  type ShareChange,
  slownessAt,
} from './share.js';

/** Changes that are kept one by one. Older ones count as one that has left nothing. */
const MOST_CHANGES = 8;
/** After this time, by the clock of the rows, a change has no effect: a burst is back within a day. */
const CHANGE_ENDS = 25 * 3_600_000 * UNITS_PER_MS;

/** The part of the share that is agreed among the members. */
export interface AgreedShare extends Pick<Share, 'members' | 'salt'> {
  /** The name of this process. */
  readonly self: string;
}

/** A part that has grown. */
interface Grown {
  readonly part: HotShare;
  /** When it would have begun without anything, to have now what the smaller one has left. */
  readonly emptyAt: number;
  /** The rows of the key when that was found. */
  readonly rows: string;
}

/** Publishes the share; only the primary may do so. */
export class SharePage {
  readonly #page: TextPage;
  readonly #end: Int32Array;
  readonly #clock: Clock;
  #share: Share | undefined;
  readonly #rows: KeyRows;
  #rowTime = 0;

  constructor(block: Block, clock: Clock) {
    this.#rows = new KeyRows(block, () => this.#share);
    this.#page = new TextPage(block, 'share');
    this.#end = block.words('shareEnd');
    this.#clock = clock;
  }

  /** The number of members; 0 while this process has no share. */
  get members(): number {
    return this.#share?.members.length ?? 0;
  }

  /** From now on the process has a share among these members. It ends soon if `renew` is not called then. */
  hold({ members, self, salt }: AgreedShare): void {
    const before = this.#share;
    const now = this.#endSoon();
    if (before !== undefined) this.#rowTime = rowTimeAt(before, now);
    const rowTime = this.#rowTime;
    const change = { rowTime, before: before?.members.length ?? 0, after: members.length };
    const changes = shortened([...(before?.changes ?? []), change], rowTime);
    const sorted = members.toSorted();
    const hot = (before?.hot ?? []).map((one) => ({ ...one, emptyAt: rowTime, changedAt: rowTime }));
    const membersBefore = before === undefined ? members.length : slownessAt(before, now);
    const since = members.length < membersBefore ? nextBeginning(now) : now;
    const clock = { since, rowTime: rowTime + Math.ceil((since - now) / membersBefore), membersBefore };
    this.#publish({ members: sorted, self: sorted.indexOf(self), salt, ...clock, changes, hot });
  }

  /**
   * Reads the clock for another share. A clock of the rows that runs slower may begin at that time. A faster
   * one must begin after it was published, because what workers admit until then is dated by the slower one.
   * So the share that they have ends soon, unless the next one is published and renewed before.
   * @returns the time, in units
   */
  #endSoon(): number {
    for (;;) {
      const now = this.#unitsNow();
      if (this.#share === undefined) return now;
      const since = nextBeginning(now);
      const end = Math.min(since / SECOND, Atomics.load(this.#end, 0) >>> 0);
      Atomics.store(this.#end, 0, end);
      // Workers have read the clock before they have seen another end.
      if (this.#unitsNow() < since) return now;
    }
  }

  /** From now on the process has these parts of some keys, as long as it has a share. */
  divide(hot: readonly Omit<HotShare, 'emptyAt' | 'changedAt'>[]): void {
    const share = this.#share;
    if (share === undefined) return;
    const now = this.#rowNow(share);
    const before = new Map(share.hot.map((one) => [one.slot, one]));
    const grown: Grown[] = [];
    const parts = hot.map((one): HotShare => {
      const last = before.get(one.slot);
      if (last === undefined || last.low !== one.low || last.high !== one.high) {
        const since = one.isShare ? BEGINNING : now;
        return { ...one, emptyAt: since, changedAt: since };
      }
      const hasChanged = one.rate !== last.rate || one.permits !== last.permits;
      const changedAt = hasChanged ? now : last.changedAt;
      if (one.rate <= last.rate && one.permits <= last.permits)
        return { ...one, emptyAt: last.emptyAt, changedAt };
      const part = { ...one, emptyAt: now, changedAt };
      const { ahead, rows } = this.#rows.stateOf(one, now);
      grown.push({ part, emptyAt: now - keptOf(share, last, one, ahead, now), rows });
      return part;
    });
    if (JSON.stringify(parts) === JSON.stringify(share.hot)) return;
    this.#publish({ ...share, hot: parts });
    this.#keep(grown, now);
  }

  /**
   * Gives parts that have grown, and begin empty, what the smaller ones had left. By now workers charge by
   * the rules of the new parts. So if a row is what it was before, nothing was admitted that is not known.
   */
  #keep(grown: readonly Grown[], now: number): void {
    const share = this.#share!;
    const kept = new Map<HotShare, number>();
    for (const { part, emptyAt, rows } of grown)
      if (emptyAt < now && this.#rows.stateOf(part, now).rows === rows) kept.set(part, emptyAt);
    if (kept.size === 0) return;
    const hot = share.hot.map((one) => ({ ...one, emptyAt: kept.get(one) ?? one.emptyAt }));
    this.#publish({ ...share, hot });
  }

  /** Whether a part has not grown within this number of units of the clock of the rows. */
  isOld(slot: number, units: number): boolean {
    const share = this.#share;
    const part = share?.hot.find((one) => one.slot === slot);
    return share === undefined || part === undefined || this.#rowNow(share) - part.emptyAt >= units;
  }

  /** The share may be used until either clock shows that, the shared one or the wall clock. */
  renew({ monotonic, wall }: Moment): void {
    Atomics.store(this.#end, 0, secondsOf(monotonic));
    Atomics.store(this.#end, 1, secondsOf(wall));
  }

  /** From now on the process has no share. */
  release(): void {
    if (this.#share === undefined) return;
    this.#rowTime = this.#rowNow(this.#share);
    this.#share = undefined;
    this.#page.publish('');
    for (const index of [0, 1]) Atomics.store(this.#end, index, 0);
  }

  #publish(share: Share): void {
    this.#share = share;
    this.#page.publish(JSON.stringify(share));
  }

  #rowNow(share: Share): number {
    return rowTimeAt(share, this.#unitsNow());
  }

  #unitsNow(): number {
    return Math.floor(this.#clock() * UNITS_PER_MS);
  }
}

/** Whole seconds in a word without a sign: those of the wall clock are too many for 31 bits from 2038 on. */
const secondsOf = (ms: number): number => Math.min(Math.max(0, Math.floor(ms / 1000)), MOST_SECONDS);
const MOST_SECONDS = 2 ** 32 - 1;

/** The second at which a faster clock of the rows begins: MOST_DELAY after `now` at most, both in units. */
const nextBeginning = (now: number): number => (Math.ceil(now / SECOND) + 1) * SECOND;
const SECOND = 1_000 * UNITS_PER_MS;
/** By so much the clock of the rows may go back when a slower one is published. */
export const MOST_DELAY = 2 * SECOND;

/** What is left of a part, as time in which the next one admits as much; 0 when it is not known. */
function keptOf(
  { members, changes }: Share,
  last: HotShare,
  next: Omit<HotShare, 'emptyAt' | 'changedAt'>,
  ahead: number,
  now: number,
): number {
  const { interval, burst, rate, permits } = last;
  if (rate === 0 || permits === 0) return 0;
  const [before, after] = [partInterval(last, members.length), partInterval(next, members.length)];
  const since = Math.max(emptyAt(changes, burst, interval), last.emptyAt);
  const most = emptyAhead(burst, interval);
  const left = Math.min(permits, (most - Math.max(ahead, most + since - now)) / before);
  return before > most ? 0 : Math.floor(Math.max(0, left) * after);
}

/** Before any time of the rows. */
const BEGINNING = -CHANGE_ENDS;

function shortened(changes: readonly ShareChange[], now: number): readonly ShareChange[] {
  const recent = changes.filter(({ rowTime }) => now - rowTime < CHANGE_ENDS);
  if (recent.length <= MOST_CHANGES) return recent;
  const rest = recent.slice(-MOST_CHANGES);
  return [{ ...rest[0]!, before: 0 }, ...rest.slice(1)];
}

const NO_PARTS: readonly HotShare[] = [];

/** Reads the share, in any thread. */
export class ShareReader {
  readonly #page: TextPage;
  readonly #end: Int32Array;
  readonly #clock: Clock;
  readonly #wallClock: Clock;
  #version = -1;
  #share: Share | undefined;
  /** The parts of the share, by the first half of the hash of their keys. */
  #hot: ReadonlyMap<number, readonly HotShare[]> = new Map();
  #rowTime = 0;
  /** The reading of the shared clock by the last `rowNow`. */
  #readAt = 0;

  constructor(block: Block, clock: Clock, wallClock: Clock = systemWallClock) {
    this.#page = new TextPage(block, 'share');
    this.#end = block.words('shareEnd');
    this.#clock = clock;
    this.#wallClock = wallClock;
  }

  /** The share of now; undefined when the process has none. The same object as long as nothing changes. */
  current(): Share | undefined {
    if (this.#page.version() !== this.#version) {
      const { version, text } = this.#page.read();
      this.#version = version;
      this.#share = shareOf(text);
      const hot = new Map<number, HotShare[]>();
      for (const one of this.#share?.hot ?? []) hot.set(one.low, [...(hot.get(one.low) ?? []), one]);
      this.#hot = hot;
    }
    return this.#share;
  }

  /** The share under which `rowNow` has read the clock last. */
  get last(): Share | undefined {
    return this.#share;
  }

  /** The part that this process has of a key; undefined when that is its share. */
  hot(low: number, high: number): HotShare | undefined {
    if (this.#hot.size === 0) return undefined;
    for (const one of this.#hot.get(low) ?? NO_PARTS) if (one.high === high) return one;
    return undefined;
  }

  /**
   * The clock of the rows, in units: what it showed at a moment at which the share was that of now. Without a
   * share it does not move.
   */
  readonly rowNow = (): number => {
    for (;;) {
      const share = this.current();
      if (share === undefined) return this.#rowTime;
      const now = this.#clock();
      // Another share was published meanwhile.
      if (this.#page.version() !== this.#version) continue;
      this.#readAt = now;
      this.#rowTime = rowTimeAt(share, Math.floor(now * UNITS_PER_MS));
      return this.#rowTime;
    }
  };

  /** Whether the share may be used now. */
  get isHeld(): boolean {
    this.rowNow();
    return this.wasHeld;
  }

  /**
   * Whether the share could be used when `rowNow` was called last. The shared clock stops while the
   * machine is suspended, and other processes do not wait for that, so the wall clock must agree.
   */
  get wasHeld(): boolean {
    return this.#readAt < this.#endBy(0) && this.#wallClock() < this.#endBy(1);
  }

  #endBy(index: number): number {
    return (Atomics.load(this.#end, index) >>> 0) * 1000;
  }
}

/** Code of a service may have overwritten the page: what cannot be read is no share. */
function shareOf(text: string): Share | undefined {
  if (text === '') return undefined;
  try {
    const share = JSON.parse(text) as Share;
    return share.members[share.self] === undefined || !Array.isArray(share.hot) ? undefined : share;
  } catch {
    return undefined;
  }
}
