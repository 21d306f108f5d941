// The keys whose division among the members is worth a message: those that some member refuses. They are few:
// a key that finds no room keeps its share.
import { HOT_KEYS } from '../memory/layout.js';
import type { RefusedKey } from '../memory/rate/hot-cells.js';
import { UNITS_PER_MS } from '../memory/rate/rate-row.js';
import { WHOLE_RATE } from '../memory/rate/share.js';
import { halvesOf, keyIdOf } from './division.js';
import type { KeyId, KeyReport, Report } from './report.js';

/** What workers count. */
export interface HotCounters {
  /** The keys that were refused since the last call. */
  refused(): readonly RefusedKey[];
  /** What was asked for in a slot, modulo 2^32. */
  askedIn(slot: number): number;
  refusedIn(slot: number): number;
  /** A key found no room. */
  noRoom(): void;
}

export interface HotKey extends RefusedKey {
  readonly slot: number;
  /** What is asked for here, in millionths of N, smoothed. */
  demand: number;
  asked: number;
  refused: number;
  readonly since: number;
  countedAt: number;
  /** When it was refused here last, and when some member has reported that. */
  refusedAt: number;
  wantedAt: number;
}

/** A member reports that it refuses a key for this time after it has done so. */
const REFUSED_MS = 3_000;
/** A key that no member refuses is wanted for this time, and for that of thirty permits at least. */
const WANTED_MS = 10_000;
const WANTED_PERMITS = 30;
/**
 * Demand is smoothed over this time, and over that of thirty permits at least: single requests for a slow
 * limit would look like a demand that comes and goes.
 */
const SMOOTHED_MS = 2_000;
const SMOOTHED_PERMITS = 30;

export class HotKeys {
  readonly keys = new Map<KeyId, HotKey>();
  readonly #counters: HotCounters;
  readonly #free = Array.from({ length: HOT_KEYS }, (_, slot) => slot);

  constructor(counters: HotCounters) {
    this.#counters = counters;
  }

  /** Counts, and takes in what was refused here and at others. @param now milliseconds */
  update(reports: Iterable<Report>, now: number): void {
    for (const key of this.keys.values()) this.#count(key, now);
    for (const refused of this.#counters.refused()) {
      const key = this.#keyOf(keyIdOf(refused.low, refused.high), refused, now);
      if (key !== undefined) key.refusedAt = now;
    }
    for (const { keys } of reports) {
      for (const [id, reported] of Object.entries(keys)) {
        const key = reported.isRefused ? this.#reported(id, reported, now) : undefined;
        if (key !== undefined) key.wantedAt = now;
      }
    }
  }

  /** Takes in all keys that a predecessor has reported, as long as there are no others. */
  inherit({ keys }: Report, now: number): void {
    for (const [id, reported] of Object.entries(keys)) this.#reported(id, reported, now);
  }

  /** Forgets keys that no member refuses. @param mayGo whether nothing depends on a key any more */
  forget(now: number, mayGo: (id: KeyId, key: HotKey) => boolean): void {
    for (const [id, key] of this.keys) {
      if (isWanted(key, now) || !mayGo(id, key)) continue;
      this.keys.delete(id);
      this.#free.push(key.slot);
    }
  }

  /** What the others are to know. */
  report(now: number): Map<KeyId, KeyReport> {
    return new Map(
      [...this.keys].map(([id, key]) => {
        const { interval, burst, demand, refusedAt } = key;
        return [id, { interval, burst, demand: coarse(demand), isRefused: now - refusedAt < REFUSED_MS }];
      }),
    );
  }

  /** Whether a member has refused the key lately. */
  isWanted(id: KeyId, now: number): boolean {
    const key = this.keys.get(id);
    return key !== undefined && isWanted(key, now);
  }

  clear(): void {
    for (const { slot } of this.keys.values()) this.#free.push(slot);
    this.keys.clear();
  }

  #reported(id: KeyId, { interval, burst }: KeyReport, now: number): HotKey | undefined {
    const [low, high] = halvesOf(id);
    return this.#keyOf(id, { low, high, interval, burst }, now);
  }

  #keyOf(id: KeyId, refused: RefusedKey, now: number): HotKey | undefined {
    const known = this.keys.get(id);
    if (known !== undefined) return known;
    const slot = this.#free.pop();
    if (slot === undefined) {
      this.#counters.noRoom();
      return undefined;
    }
    const key: HotKey = {
      ...refused,
      slot,
      demand: 0,
      asked: this.#counters.askedIn(slot),
      refused: this.#counters.refusedIn(slot),
      since: now,
      countedAt: now,
      refusedAt: Number.NEGATIVE_INFINITY,
      wantedAt: now,
    };
    this.keys.set(id, key);
    return key;
  }

  #count(key: HotKey, now: number): void {
    const elapsed = now - key.countedAt;
    if (elapsed <= 0) return;
    const [asked, refused] = [this.#counters.askedIn(key.slot), this.#counters.refusedIn(key.slot)];
    const perMs = ((asked - key.asked) >>> 0) / elapsed;
    const current = Math.min((perMs * key.interval * WHOLE_RATE) / UNITS_PER_MS, MOST_DEMAND);
    // It is the average as long as there is less than that time.
    const smoothedMs = longer(SMOOTHED_MS, SMOOTHED_PERMITS, key.interval);
    const weight = Math.max(1 - Math.exp(-elapsed / smoothedMs), elapsed / (now - key.since));
    key.demand += (current - key.demand) * weight;
    if (refused !== key.refused) key.refusedAt = now;
    Object.assign(key, { asked, refused, countedAt: now });
  }
}

/** A thousand times N. */
const MOST_DEMAND = 1_000 * WHOLE_RATE;

const isWanted = ({ refusedAt, wantedAt, interval }: HotKey, now: number): boolean =>
  now - Math.max(refusedAt, wantedAt) < longer(WANTED_MS, WANTED_PERMITS, interval);

/** A time in milliseconds, or that of a number of permits of the whole limit where that is longer. */
const longer = (ms: number, permits: number, interval: number): number =>
  Math.max(ms, (permits * interval) / UNITS_PER_MS);

/** In steps of one percent, so that a report does not change with every request. */
function coarse(demand: number): number {
  const step = Math.max(1, 10 ** Math.floor(Math.log10(Math.max(1, demand)) - 1));
  return Math.round(demand / step) * step;
}
