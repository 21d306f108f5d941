// A bounded queue that services share fairly, and within a service its callers. The service whose entries
// have used the least time is next, so a service with many or long entries delays only its own. Within a
// service, priorities and callers take turns (service-line.ts). When the queue is full, the newest entry of
// the service or caller with the most is removed for one that has fewer: one caller may fill the whole queue
// while no other needs it, and none can exclude another.
import { type ServiceEntry, ServiceLine } from './service-line.js';
import { TurnOrder } from './turn-order.js';

export interface Entry<T> extends ServiceEntry<T> {
  readonly service: string;
  /** The time that its service was charged for when the entry began; only the queue sets it. */
  chargedMs?: number;
}

/** The estimate before any entry has ended. */
const FIRST_MS = 1;
/** The weight of the newest measured time in the estimate. */
const NEWEST = 0.2;
/**
 * What one entry is charged at most, and how much a service may be charged beyond the entry that was chosen
 * last. Whatever is measured, a service waits no longer than others use this time.
 */
const MOST_MS = 30_000;

/** A service in whose entries an arrival finds the places for longer leaves the last place to others. */
const LONG_MS = 25;
/** It does so after the last entry of another service for this many times as long, at most for LEAVE_MS. */
const LEAVE_TIMES = 20;
const LEAVE_MS = 10_000;
/** After this time an entry counts for a third of what it did. Rare long entries count for long. */
const FADE_MS = 60_000;

/** What is remembered of a service that had entries in the last LEAVE_MS. */
interface Recent {
  /** When an entry of the service has arrived, begun or ended last. */
  at: number;
  /** The usual time of its entries; undefined until one has ended. */
  usualMs: number | undefined;
  /** The sums of the times for which its entries held a place, and of their squares, which fade. */
  sumMs: number;
  sumSquares: number;
  /** When they were up to date. */
  fadedAt: number;
}

/**
 * How long the entries are in which an arrival finds the places: long ones hold them for most of the time,
 * even if there are many short ones between them.
 */
const foundMs = ({ sumMs, sumSquares }: Recent): number => (sumMs === 0 ? 0 : sumSquares / sumMs);

const newcomer = (): Recent => ({ at: 0, usualMs: undefined, sumMs: 0, sumSquares: 0, fadedAt: 0 });

export class FairQueue<T extends Entry<T>> {
  /** The most entries of all services together. When it is reduced, entries that are there stay. */
  maxEntries: number;
  /**
   * The services that have entries, or entries that run, or that were charged more than the service that was
   * chosen last. Without the latter, a service that always ends before it begins again would owe nothing.
   */
  readonly #services = new Map<string, ServiceLine<T>>();
  readonly #turns = new TurnOrder<ServiceLine<T>>();
  readonly #entries = new Set<T>();
  /** The usual time of an entry of any service. */
  #usualMs = FIRST_MS;

  /** The services that have entries, or had one in the last LEAVE_MS. */
  readonly #recent = new Map<string, Recent>();
  readonly #now: () => number;

  /** @param now the clock, in milliseconds */
  constructor(maxEntries: number, now: () => number = () => performance.now()) {
    this.maxEntries = maxEntries;
    this.#now = now;
  }

  /**
   * Whether an entry of the service must not take the last of several places. It would exclude others for as
   * long as the service's long entries run, because running ones are not stopped. So a service with long
   * entries that has its share of the places leaves the last one to others.
   */
  leavesLast(service: string, places: number): boolean {
    const line = this.#services.get(service);
    const recent = this.#recent.get(service);
    if (line === undefined || recent === undefined) return false;
    const long = foundMs(recent);
    if (long < LONG_MS) return false;
    const { others, without } = this.#othersWithin(service, Math.min(LEAVE_TIMES * long, LEAVE_MS));
    // One more entry would be more than the service's share.
    return without > 0 && line.running > 0 && (line.running + 1) * (others + 1) > places;
  }

  /** Whether the service of an entry that runs has no more places than its share. */
  isWithinShare({ service }: T, places: number): boolean {
    const { running = 0 } = this.#services.get(service) ?? {};
    return running * this.active <= places;
  }

  /**
   * The number of other services that have entries, or had one in this time, and of those among them that
   * have no place.
   */
  #othersWithin(service: string, ms: number): { readonly others: number; readonly without: number } {
    const now = this.#now();
    let others = 0;
    let without = 0;
    for (const [name, { at }] of this.#recent) {
      const line = this.#services.get(name);
      const isActive = line !== undefined && !isIdle(line);
      if (!isActive && now - at > LEAVE_MS) this.#recent.delete(name);
      else if (name !== service && (isActive || now - at <= ms)) {
        others += 1;
        if (line === undefined || line.running === 0) without += 1;
      }
    }
    return { others, without };
  }

  #active(service: string): Recent {
    const recent = this.#recent.get(service) ?? newcomer();
    recent.at = this.#now();
    this.#recent.set(service, recent);
    return recent;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The number of services that have entries. */
  get services(): number {
    return this.#waiting.length;
  }

  /** The number of lines: one for each caller and priority that has entries. */
  get callers(): number {
    return this.#waiting.reduce((sum, { callers }) => sum + callers, 0);
  }

  /** Whether an entry of another service waits. */
  hasOtherService({ service }: T): boolean {
    return this.#waiting.length > (this.#services.get(service)?.size ? 1 : 0);
  }

  /** Whether an entry of the same service waits that has another caller. */
  hasOtherCaller({ service, caller }: T): boolean {
    return this.#services.get(service)?.hasOtherCaller(caller) ?? false;
  }

  /** The number of services of which the queue keeps an account. */
  get accounts(): number {
    return this.#services.size;
  }

  /** The number of services that have entries, or entries that run. */
  get active(): number {
    return [...this.#services.values()].filter((line) => !isIdle(line)).length;
  }

  /**
   * Appends an entry to the line of its caller.
   * @returns the entry for which there is no room, either this one or one that has been removed from the
   *   queue; undefined when there is room for all
   */
  add(entry: T): T | undefined {
    const refused = this.size < this.maxEntries ? undefined : this.#surplusFor(entry);
    if (refused === entry) return entry;
    if (refused !== undefined) this.remove(refused);
    const line = this.#lineOf(entry.service);
    this.#active(entry.service);
    if (line.size === 0) this.#turns.join(line);
    line.add(entry);
    this.#entries.add(entry);
    return refused;
  }

  /**
   * Removes and returns the entry that is next, which begins; undefined when there is none.
   * @param lastOf the number of places, when the entry takes the last of several
   */
  next(lastOf?: number): T | undefined {
    const mayTake = ({ service }: ServiceLine<T>) =>
      lastOf === undefined || !this.leavesLast(service, lastOf);
    const lines = this.#waiting.filter(mayTake);
    const entry = this.#turns.next(lines)?.next();
    if (entry === undefined) return undefined;
    this.#entries.delete(entry);
    this.#charge(this.#lineOf(entry.service), entry);
    this.#forgetSettled();
    return entry;
  }

  /** Charges the service of an entry that begins without having waited. Call `end` when it ends. */
  begin(entry: T): void {
    const line = this.#lineOf(entry.service);
    this.#active(entry.service);
    if (line.size === 0) this.#turns.join(line);
    this.#turns.chosen(line);
    this.#charge(line, entry);
    this.#forgetSettled();
  }

  #charge(line: ServiceLine<T>, entry: T): void {
    line.running++;
    entry.chargedMs = line.usualMs;
    line.charged += line.usualMs;
  }

  /**
   * Corrects what the service of an entry was charged.
   * @param usedMs the time of a thread that the entry has used
   */
  end({ service, chargedMs = 0 }: T, usedMs: number): void {
    const line = this.#lineOf(service);
    const costMs = Math.min(usedMs, MOST_MS);
    line.running--;
    line.charged = Math.min(line.charged + costMs - chargedMs, this.#turns.now + MOST_MS);
    line.usualMs += (costMs - line.usualMs) * NEWEST;
    const recent = this.#active(service);
    recent.usualMs = line.usualMs;
    const fade = Math.exp((recent.fadedAt - recent.at) / FADE_MS);
    recent.fadedAt = recent.at;
    recent.sumMs = recent.sumMs * fade + usedMs;
    recent.sumSquares = recent.sumSquares * fade + usedMs ** 2;
    this.#usualMs += (costMs - this.#usualMs) * NEWEST;
    this.#forgetSettled();
  }

  /** Charges a service for time of a thread that none of its entries has used. */
  charge(service: string, usedMs: number): void {
    const line = this.#lineOf(service);
    line.charged = Math.min(Math.max(line.charged, this.#turns.now) + usedMs, this.#turns.now + MOST_MS);
    this.#forgetSettled();
  }

  /** Does nothing when the entry is not in the queue. */
  remove(entry: T): void {
    if (!this.#entries.delete(entry)) return;
    const line = this.#services.get(entry.service)!;
    line.remove(entry);
    this.#forgetSettled();
  }

  get #waiting(): ServiceLine<T>[] {
    return [...this.#services.values()].filter(({ size }) => size > 0);
  }

  #lineOf(service: string): ServiceLine<T> {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const usualMs = this.#recent.get(service)?.usualMs ?? this.#usualMs;
    const line = new ServiceLine<T>(service, usualMs);
    this.#services.set(service, line);
    return line;
  }

  /**
   * Forgets the services that have no entries and owe nothing. When no service has any, none owes anything to
   * another.
   */
  #forgetSettled(): void {
    const lines = [...this.#services.values()];
    if (lines.every(isIdle)) for (const line of lines) this.#turns.chosen(line);
    for (const [service, line] of this.#services) {
      if (isIdle(line) && line.charged <= this.#turns.now) this.#services.delete(service);
    }
  }

  /** Chooses the entry for which a full queue has no room. */
  #surplusFor(entry: T): T {
    const own = this.#services.get(entry.service);
    const ownSize = own?.size ?? 0;
    let longest: ServiceLine<T> | undefined;
    for (const line of this.#services.values()) {
      if (line.size > (longest?.size ?? ownSize)) longest = line;
    }
    if (longest !== undefined && longest.size > ownSize + 1) return longest.surplus!;
    return own?.surplusFor(entry) ?? entry;
  }
}

const isIdle = ({ size, running }: { readonly size: number; readonly running: number }): boolean =>
  size === 0 && running === 0;
