// Where the primary publishes the share of this process (share.ts), and until when it may be used. Workers
// read both in place, so an admission needs no message and no other thread.
import type { Block } from '../block.js';
import type { Clock } from '../clock.js';
import { TextPage } from '../text-page.js';
import { KeyRows } from './key-rows.js';
import { type Moment, systemWallClock } from './moment.js';
import { UNITS_PER_MS } from './rate-row.js';
import {
  type DividedKey,
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
    const membersBefore = before === undefined ? members.length : slownessAt(before, now);
    const since = members.length < membersBefore ? nextBeginning(now) : now;
    const clock = { since, rowTime: rowTime + Math.ceil((since - now) / membersBefore), membersBefore };
    const share = { members: sorted, self: sorted.indexOf(self), salt, ...clock, changes };
    const hot = before?.hot ?? [];
    this.#publish({ ...share, hot: hot.map(closed) });
    if (hot.length > 0)
      this.#publish({ ...this.#share!, hot: hot.map(emptySince(this.#rowNow(this.#share!))) });
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

  /**
   * From now on the process has these parts of some keys, as long as it has a share. What a smaller part has
   * left is known only when it is certain that nothing more is admitted by it. So parts that grow are closed
   * first: from then on an admission by the smaller ones is not valid.
   */
  divide(hot: readonly DividedKey[]): void {
    const share = this.#share;
    if (share === undefined) return;
    const now = this.#rowNow(share);
    const before = new Map(share.hot.map((one) => [one.slot, one]));
    const lastOf = ({ slot, low, high }: DividedKey): HotShare | undefined => {
      const last = before.get(slot);
      return last?.low === low && last.high === high ? last : undefined;
    };
    const parts = hot.map((one) => notGrown(one, lastOf(one), now));
    const next = parts.map((part, index) => part ?? closed(hot[index]!));
    if (JSON.stringify(next) !== JSON.stringify(share.hot)) this.#publish({ ...share, hot: next });
    // Those that are closed already, because an earlier call has failed, grow nevertheless.
    if (!parts.includes(undefined)) return;
    const since = this.#rowNow(share);
    const grown = (one: DividedKey): HotShare => {
      const last = lastOf(one);
      const kept = last === undefined ? 0 : keptOf(share, last, one, this.#rows.ahead(one, since), since);
      return { ...one, emptyAt: since - kept, changedAt: since };
    };
    this.#publish({ ...share, hot: parts.map((part, index) => part ?? grown(hot[index]!)) });
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

/** Before any time of the rows. */
const BEGINNING = -CHANGE_ENDS;

/** By this part nothing is admitted. */
const closed = (one: DividedKey): HotShare => ({
  ...one,
  rate: 0,
  permits: 0,
  emptyAt: BEGINNING,
  changedAt: BEGINNING,
});

const emptySince =
  (now: number) =>
  (one: DividedKey): HotShare => ({ ...one, emptyAt: now, changedAt: now });

/** @returns the part with its times, unless it is larger than the last one */
function notGrown(one: DividedKey, last: HotShare | undefined, now: number): HotShare | undefined {
  if (last === undefined) return one.isShare ? emptySince(BEGINNING)(one) : undefined;
  if (one.rate > last.rate || one.permits > last.permits) return undefined;
  const hasChanged = one.rate < last.rate || one.permits < last.permits;
  return { ...one, emptyAt: last.emptyAt, changedAt: hasChanged ? now : last.changedAt };
}

/**
 * What is left of a part, as time in which the next one admits as much.
 * @param ahead how far ahead the row of the key is
 */
function keptOf(
  { members, changes }: Share,
  last: HotShare,
  next: DividedKey,
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
      const { share, hot } = readShare(text);
      // Behind the last call: what a full stack or V8 has cut off is read again.
      this.#share = share;
      this.#hot = hot;
      this.#version = version;
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

interface ReadShare {
  readonly share: Share | undefined;
  readonly hot: ReadonlyMap<number, readonly HotShare[]>;
}

const NONE: ReadShare = { share: undefined, hot: new Map() };

/**
 * Code of a service may have overwritten the page: what cannot be read is no share.
 * @throws RangeError when the stack is full
 */
function readShare(text: string): ReadShare {
  if (text === '') return NONE;
  try {
    const share = JSON.parse(text) as Share;
    if (share.members[share.self] === undefined || !Array.isArray(share.hot)) return NONE;
    const hot = new Map<number, HotShare[]>();
    for (const one of share.hot) hot.set(one.low, [...(hot.get(one.low) ?? []), one]);
    return { share, hot };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return NONE;
    throw error;
  }
}
