// The connections of the whole process to its databases. Each permit is a word that names its holder, taken
// and released by one compare-and-swap: when a thread dies at any moment, the permits that carry its name are
// the ones that it held.
//
// A pool that finds no free permit publishes its claim in a line that every thread can read, until it has
// one. A pool that holds more than it needs reads the line and releases a permit. A pool that would take a
// permit first checks whether others come before it: those that hold fewer, then those that have waited
// longer. So every pool gets as much as the others. No thread is woken: pools that wait and pools that hold
// look again every few milliseconds.
//
// A server may grant fewer connections than the budget has. A pool that was refused one (`refused`) waits in
// the same line, with the server's number beside its claim. While it waits the pools of that server share
// what they have as if the budget were spent, however many permits are free.
import type { Table } from './area.js';
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { DATABASE_PERMITS, DATABASE_POOLS, LINE_WORDS } from './layout.js';

/**
 * Words that all pools share. MOST: the size of the budget. WANTED_AT: when a pool last announced that it
 * waits. FREED: connections that were closed since a server last refused one; for each of them a pool may try
 * again.
 */
const [MOST, WANTED_AT, FREED] = [0, 1, 2] as const;
/**
 * Words of a pool's claim in the line. WAITS: connections that the pool holds + 1, 0 when it does not wait;
 * written last. REPEATED_AT: when the claim was published last. REFUSED_BY: number of the server that has
 * just refused a connection to the pool, 0 for none.
 */
const [WAITS, SINCE, REPEATED_AT, REFUSED_BY] = [0, 1, 2, 3] as const;
/**
 * A claim is repeated every few milliseconds. One that was not repeated for this long belongs to a thread
 * that is stalled or has ended, and is skipped.
 */
const WANTED_FOR_MS = 100;
/**
 * A pool tries again this long after a server has refused a connection; sooner when a connection was closed.
 */
const ASK_AGAIN_MS = 500;
/**
 * How long a claim reports that its server refuses connections (REFUSED_BY), unless it is refused again. This
 * is longer than the pause before the next attempt, so a server that refuses all attempts is reported without
 * a gap.
 */
const REFUSED_FOR_MS = 2 * ASK_AGAIN_MS;
const POOL_BITS = 8;

interface Turn {
  readonly held: number;
  readonly since: number;
  /** The position of the claim in the line, which decides between equal claims. */
  readonly place: number;
}

interface Claim extends Turn {
  /** Number of the server that refused the pool a connection; 0 when the pool waits for a permit. */
  readonly refusedBy: number;
}

/** The budget as one pool uses it: the connections of one thread to one database. */
export class DatabaseBudget {
  readonly #shared: Int32Array;
  readonly #permits: Int32Array;
  /** Claims of all threads in one view: a view for each would be one for every pair of threads. */
  readonly #lines: Table;
  readonly #own: Int32Array;
  readonly #place: number;
  readonly #holder: number;
  readonly #clock: Clock;
  /** Number of the server, never 0. Two servers with the same number are treated as one. */
  readonly #server: number;
  /** Indices of the permits that this pool holds. */
  readonly #held: number[] = [];
  #waits = false;
  /**
   * Since when this pool has waited for its next permit, which is its turn in the line. A pool that has taken
   * or released a permit starts anew.
   */
  #since: number | undefined;
  /**
   * The turn with which the pool took its last permit. It gets this turn again when the server refuses a
   * connection for that permit.
   */
  #sinceBefore: number | undefined;
  #refusedAt: number | undefined;

  /**
   * @param slot row of the thread
   * @param pool number of the pool in the thread; beyond 32 two pools share a claim in the line
   * @param server address of the database server
   */
  constructor(block: Block, slot: number, pool: number, clock: Clock, server = '') {
    const number = pool % DATABASE_POOLS;
    this.#shared = block.words('databaseBudget');
    this.#permits = block.words('databasePermits');
    this.#lines = block.table('databaseLine');
    this.#own = block.words('databaseLine', slot).subarray(number * LINE_WORDS, (number + 1) * LINE_WORDS);
    this.#place = slot * DATABASE_POOLS + number;
    this.#holder = holderOf(slot, number);
    this.#clock = clock;
    this.#server = numberOf(server);
  }

  /**
   * Called once by the primary, before the workers start. @param most the size of the budget; at most 10,000
   */
  static configure(block: Block, most: number): void {
    const shared = block.words('databaseBudget');
    Atomics.store(shared, WANTED_AT, -WANTED_FOR_MS);
    Atomics.store(shared, MOST, Math.min(most, DATABASE_PERMITS));
  }

  /**
   * Releases the permits of a worker whose thread has ended in any way. Its sockets are closed by then.
   * @returns the number of those permits
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
    Atomics.add(block.words('databaseBudget'), FREED, count);
    return count;
  }

  /** Permits that are held, the size of the budget, and the pools that wait, in the whole process. */
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

  /**
   * Takes a permit. @returns false when there is none for this pool: all are held, other pools come first, or
   * the server has just refused a connection
   */
  tryAcquire(): boolean {
    if (this.#isContended) {
      const ahead = this.#ahead();
      if (ahead > 0 && this.#free() <= ahead) return false;
    }
    if (!this.#mayAsk()) return false;
    const most = this.#most;
    for (let index = 0; index < most; index++) {
      if (Atomics.load(this.#permits, index) !== 0) continue;
      if (Atomics.compareExchange(this.#permits, index, 0, this.#holder) !== 0) continue;
      this.#held.push(index);
      this.#sinceBefore = this.#since;
      this.#since = undefined;
      return true;
    }
    return false;
  }

  release(): void {
    this.#releaseLast();
    this.#since = undefined;
    Atomics.add(this.#shared, FREED, 1);
  }

  /** Releases a permit for which the server has refused a connection. Call it instead of `release`. */
  refused(): void {
    this.#releaseLast();
    this.#since ??= this.#sinceBefore;
    this.#refusedAt = this.#now();
    Atomics.store(this.#shared, FREED, 0);
  }

  #releaseLast(): void {
    const index = this.#held.pop();
    if (index !== undefined) Atomics.compareExchange(this.#permits, index, this.#holder, 0);
  }

  /**
   * Whether the pool may try again after a refusal: a connection was closed since, or enough time has passed.
   */
  #mayAsk(): boolean {
    if (!this.#wasRefused(ASK_AGAIN_MS)) return true;
    const freed = Atomics.load(this.#shared, FREED);
    return freed > 0 && Atomics.compareExchange(this.#shared, FREED, freed, freed - 1) === freed;
  }

  #wasRefused(withinMs: number): boolean {
    return this.#refusedAt !== undefined && isWithin(withinMs, this.#refusedAt, this.#now());
  }

  /** Publishes that the pool waits; call it again every few milliseconds while it does. */
  announceWaiting(): void {
    const now = this.#now();
    this.#since ??= now;
    this.#waits = true;
    Atomics.store(this.#own, SINCE, this.#since);
    Atomics.store(this.#own, REPEATED_AT, now);
    Atomics.store(this.#own, REFUSED_BY, this.#wasRefused(REFUSED_FOR_MS) ? this.#server : 0);
    Atomics.store(this.#own, WAITS, this.#held.length + 1);
    Atomics.store(this.#shared, WANTED_AT, now);
  }

  /** Publishes that the pool does not wait any more. */
  endWaiting(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#since = undefined;
    Atomics.store(this.#own, WAITS, 0);
  }

  /**
   * Among the other pools that wait and could use a connection of this pool: how many connections the one
   * with the fewest has. Undefined when no pool waits for one.
   */
  get poorestWaiting(): number | undefined {
    if (!this.#isContended) return undefined;
    let least = Number.POSITIVE_INFINITY;
    let leastRefused = Number.POSITIVE_INFINITY;
    let waiting = 0;
    this.#eachWaiting(({ held, place, refusedBy }) => {
      if (place === this.#place) return;
      if (refusedBy === this.#server) leastRefused = Math.min(leastRefused, held);
      if (refusedBy !== 0) return;
      waiting++;
      least = Math.min(least, held);
    });
    // The pools that wait will take the free permits without help, so they count only when they are more than
    // those.
    const poorest = waiting > this.#free() ? Math.min(least, leastRefused) : leastRefused;
    return Number.isFinite(poorest) ? poorest : undefined;
  }

  /**
   * The number of waiting pools that come before this one. Infinity when the server of this pool refuses
   * connections and another pool of that server comes first: every connection that it grants is for that
   * pool.
   */
  #ahead(): number {
    const since = this.#since ?? this.#now();
    const mine: Turn = { held: this.#held.length, since, place: this.#place };
    let count = 0;
    this.#eachWaiting((other) => {
      if (other.place === mine.place || !comesBefore(other, mine)) return;
      if (other.refusedBy === 0) count++;
      else if (other.refusedBy === this.#server) count = Number.POSITIVE_INFINITY;
    });
    return count;
  }

  #eachWaiting(visit: (claim: Claim) => void): void {
    const now = this.#now();
    const { words: line, stride, rows } = this.#lines;
    for (let slot = 0; slot < rows; slot++) {
      for (let pool = 0; pool < DATABASE_POOLS; pool++) {
        const at = slot * stride + pool * LINE_WORDS;
        const waits = Atomics.load(line, at + WAITS);
        if (waits === 0 || !isRecent(Atomics.load(line, at + REPEATED_AT), now)) continue;
        visit({
          held: waits - 1,
          since: Atomics.load(line, at + SINCE),
          place: slot * DATABASE_POOLS + pool,
          refusedBy: Atomics.load(line, at + REFUSED_BY),
        });
      }
    }
  }

  #free(): number {
    const most = this.#most;
    let free = 0;
    for (let index = 0; index < most; index++) if (Atomics.load(this.#permits, index) === 0) free++;
    return free;
  }

  /** The size of the budget, never more than the table has rows, whatever was written into the word. */
  get #most(): number {
    return Math.max(0, Math.min(Atomics.load(this.#shared, MOST), DATABASE_PERMITS));
  }

  /**
   * Whether a pool has waited in the last 100 ms. It is nearly always false, and one load is enough to know
   * it.
   */
  get #isContended(): boolean {
    return isRecent(Atomics.load(this.#shared, WANTED_AT), this.#now());
  }

  /** Milliseconds of the shared clock, wrapping at 32 bits. */
  #now(): number {
    return Math.floor(this.#clock()) | 0;
  }
}

/** The word of a permit that a pool holds; never 0, which marks a free permit. */
const holderOf = (slot: number, pool: number): number => ((slot << POOL_BITS) | pool) + 1;

/** Whether a claim was repeated lately. The clocks of two threads may differ by about a millisecond. */
const isRecent = (at: number, now: number): boolean => isWithin(WANTED_FOR_MS, at, now);

function isWithin(ms: number, at: number, now: number): boolean {
  const since = (now - at) | 0;
  return since > -ms && since < ms;
}

/** FNV-1a of the address, over UTF-16 units. */
function numberOf(server: string): number {
  let hash = 0x811c9dc5 | 0; // as a word of shared memory holds it
  for (let at = 0; at < server.length; at++) hash = Math.imul(hash ^ server.charCodeAt(at), 0x01000193);
  return hash === 0 ? 1 : hash;
}

function comesBefore(one: Turn, other: Turn): boolean {
  if (one.held !== other.held) return one.held < other.held;
  const later = (one.since - other.since) | 0;
  return later === 0 ? one.place < other.place : later < 0;
}
