// The connections of the whole process to its databases. Each of them is a word that names its holder, taken and given
// back by one compare-and-swap: whenever a thread dies, what it held is what its name stands on.
//
// Who finds none says so in a line that everybody can see, until it has one. Whoever holds something to spare looks
// there and gives it up, and whoever would take one looks whether others come first: those that hold fewer, then those
// that have waited longer. So every pool that asks gets as much as the others, and none has to be woken: whoever waits,
// and whoever holds, looks again every few milliseconds.
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { DATABASE_PERMITS, DATABASE_POOLS, LINE_WORDS } from './layout.js';

const [MOST, WANTED_AT] = [0, 1] as const;
/** Of a place in the line. WAITS: connections held already + 1, 0 for nobody; written last. */
const [WAITS, SINCE, SAID_AT] = [0, 1, 2] as const;
/** Who waits says so every few ms; who has not for this long stands still or is gone, and holds nobody up. */
const WANTED_FOR_MS = 100;
const POOL_BITS = 8;

interface Claim {
  readonly held: number;
  readonly since: number;
  /** Breaks ties. */
  readonly place: number;
}

/** One pool's hand on the budget: the connections of one thread to one database. */
export class DatabaseBudget {
  readonly #shared: Int32Array;
  readonly #permits: Int32Array;
  readonly #lines: readonly Int32Array[];
  readonly #own: Int32Array;
  readonly #place: number;
  readonly #holder: number;
  readonly #clock: Clock;
  /** Indices of the permits that it holds. */
  readonly #held: number[] = [];
  #waits = false;
  /** Its turn in the line: since when it has waited for the next one. Who has got one, or given one up, starts anew. */
  #since: number | undefined;

  /**
   * @param slot row of the thread
   * @param pool number of the pool in it; beyond 32 two share a place in the line
   */
  constructor(block: Block, slot: number, pool: number, clock: Clock) {
    const number = pool % DATABASE_POOLS;
    this.#shared = block.words('databaseBudget');
    this.#permits = block.words('databasePermits');
    this.#lines = Array.from({ length: block.workers + 1 }, (_, row) => block.words('databaseLine', row));
    this.#own = block.words('databaseLine', slot).subarray(number * LINE_WORDS, (number + 1) * LINE_WORDS);
    this.#place = slot * DATABASE_POOLS + number;
    this.#holder = holderOf(slot, number);
    this.#clock = clock;
  }

  /** Called once by the primary, before the workers start. @param most at most 10,000 count */
  static configure(block: Block, most: number): void {
    const shared = block.words('databaseBudget');
    Atomics.store(shared, WANTED_AT, -WANTED_FOR_MS);
    Atomics.store(shared, MOST, Math.min(most, DATABASE_PERMITS));
  }

  /**
   * Gives back what a worker held that has ended, whichever way. Its sockets are closed by then.
   * @returns how many those were
   */
  static reclaim(block: Block, slot: number): number {
    const line = block.words('databaseLine', slot);
    for (let at = 0; at < line.length; at += LINE_WORDS) Atomics.store(line, at + WAITS, 0);
    const permits = block.words('databasePermits');
    const [first, last] = [holderOf(slot, 0), holderOf(slot, DATABASE_POOLS - 1)];
    let count = 0;
    for (let index = 0; index < DATABASE_PERMITS; index++) {
      const holder = Atomics.load(permits, index);
      if (holder < first || holder > last) continue;
      Atomics.store(permits, index, 0);
      count++;
    }
    return count;
  }

  /** Connections lent out and allowed in the whole process, and pools that wait for one. */
  static usage(
    block: Block,
    clock: Clock,
  ): { readonly held: number; readonly most: number; readonly waiting: number } {
    const onlooker = new DatabaseBudget(block, 0, DATABASE_POOLS - 1, clock);
    const most = onlooker.#most;
    let waiting = 0;
    onlooker.#eachWaiting(() => waiting++);
    return { held: most - onlooker.#free(), most, waiting };
  }

  /** False when none is left for it: all are lent out, or others come first. */
  tryAcquire(): boolean {
    if (this.#isContended) {
      const ahead = this.#ahead();
      if (ahead > 0 && this.#free() <= ahead) return false;
    }
    const most = this.#most;
    for (let index = 0; index < most; index++) {
      if (Atomics.load(this.#permits, index) !== 0) continue;
      if (Atomics.compareExchange(this.#permits, index, 0, this.#holder) !== 0) continue;
      this.#held.push(index);
      this.#since = undefined;
      return true;
    }
    return false;
  }

  release(): void {
    const index = this.#held.pop();
    this.#since = undefined;
    if (index !== undefined) Atomics.compareExchange(this.#permits, index, this.#holder, 0);
  }

  /** It waits: to be said again and again while it does. */
  want(): void {
    const now = this.#now();
    this.#since ??= now;
    this.#waits = true;
    Atomics.store(this.#own, SINCE, this.#since);
    Atomics.store(this.#own, SAID_AT, now);
    Atomics.store(this.#own, WAITS, this.#held.length + 1);
    Atomics.store(this.#shared, WANTED_AT, now);
  }

  /** It does not wait any more. */
  rest(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#since = undefined;
    Atomics.store(this.#own, WAITS, 0);
  }

  /** What the poorest of the others holds that wait in vain; undefined when nobody does. */
  get poorest(): number | undefined {
    if (!this.#isContended) return undefined;
    let least: number | undefined;
    let waiting = 0;
    this.#eachWaiting(({ held, place }) => {
      if (place === this.#place) return;
      waiting++;
      if (least === undefined || held < least) least = held;
    });
    // What is free already is only waiting to be fetched.
    return waiting > this.#free() ? least : undefined;
  }

  /** Others that are to be served before this one. */
  #ahead(): number {
    const mine: Claim = { held: this.#held.length, since: this.#since ?? this.#now(), place: this.#place };
    let count = 0;
    this.#eachWaiting((other) => {
      if (other.place !== mine.place && comesBefore(other, mine)) count++;
    });
    return count;
  }

  #eachWaiting(visit: (claim: Claim) => void): void {
    const now = this.#now();
    this.#lines.forEach((line, slot) => {
      for (let pool = 0; pool < DATABASE_POOLS; pool++) {
        const at = pool * LINE_WORDS;
        const waits = Atomics.load(line, at + WAITS);
        if (waits === 0 || !isRecent(Atomics.load(line, at + SAID_AT), now)) continue;
        visit({
          held: waits - 1,
          since: Atomics.load(line, at + SINCE),
          place: slot * DATABASE_POOLS + pool,
        });
      }
    });
  }

  #free(): number {
    const most = this.#most;
    let free = 0;
    for (let index = 0; index < most; index++) if (Atomics.load(this.#permits, index) === 0) free++;
    return free;
  }

  /** Within the table, whatever has been written into the word. */
  get #most(): number {
    return Math.max(0, Math.min(Atomics.load(this.#shared, MOST), DATABASE_PERMITS));
  }

  /** Somebody waited moments ago: nearly always nobody did, and one load says so. */
  get #isContended(): boolean {
    return isRecent(Atomics.load(this.#shared, WANTED_AT), this.#now());
  }

  /** Milliseconds of the shared clock, wrapping at 32 bits. */
  #now(): number {
    return Math.floor(this.#clock()) | 0;
  }
}

/** Never 0. */
const holderOf = (slot: number, pool: number): number => ((slot << POOL_BITS) | pool) + 1;

/** Threads agree on the clock to a millisecond or so. */
function isRecent(at: number, now: number): boolean {
  const since = (now - at) | 0;
  return since > -WANTED_FOR_MS && since < WANTED_FOR_MS;
}

function comesBefore(one: Claim, other: Claim): boolean {
  if (one.held !== other.held) return one.held < other.held;
  const later = (one.since - other.since) | 0;
  return later === 0 ? one.place < other.place : later < 0;
}
