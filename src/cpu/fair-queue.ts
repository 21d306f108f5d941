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

export class FairQueue<T extends Entry<T>> {
  /** The most entries of all services together. When it is reduced, entries that are there stay. */
  maxEntries: number;
  /** The services that have entries, or entries that run. */
  readonly #services = new Map<string, ServiceLine<T>>();
  readonly #turns = new TurnOrder<ServiceLine<T>>();
  readonly #entries = new Set<T>();
  /** The usual time of an entry of any service. */
  #usualMs = FIRST_MS;

  constructor(maxEntries: number) {
    this.maxEntries = maxEntries;
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

  /** The number of services of which the queue keeps an account. */
  get accounts(): number {
    return this.#services.size;
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
    if (line.size === 0) this.#turns.join(line);
    line.add(entry);
    this.#entries.add(entry);
    return refused;
  }

  /** Removes and returns the entry that is next, which begins; undefined when the queue is empty. */
  next(): T | undefined {
    const entry = this.#turns.next(this.#waiting)?.next();
    if (entry === undefined) return undefined;
    this.#entries.delete(entry);
    this.#charge(this.#lineOf(entry.service), entry);
    return entry;
  }

  /** Charges the service of an entry that begins without having waited. Call `end` when it ends. */
  begin(entry: T): void {
    const line = this.#lineOf(entry.service);
    if (line.size === 0) this.#turns.join(line);
    this.#turns.chosen(line);
    this.#charge(line, entry);
  }

  #charge(line: ServiceLine<T>, entry: T): void {
    line.running++;
    entry.chargedMs = line.usualMs;
    line.charged += line.usualMs;
  }

  /**
   * Corrects what the service of an entry was charged.
   * @param ranMs the time from `next` or `begin` to now
   */
  end({ service, chargedMs = 0 }: T, ranMs: number): void {
    const line = this.#lineOf(service);
    line.running--;
    line.charged += ranMs - chargedMs;
    line.usualMs += (ranMs - line.usualMs) * NEWEST;
    this.#usualMs += (ranMs - this.#usualMs) * NEWEST;
    this.#forgetIdle(service, line);
  }

  /** Does nothing when the entry is not in the queue. */
  remove(entry: T): void {
    if (!this.#entries.delete(entry)) return;
    const line = this.#services.get(entry.service)!;
    line.remove(entry);
    this.#forgetIdle(entry.service, line);
  }

  get #waiting(): ServiceLine<T>[] {
    return [...this.#services.values()].filter(({ size }) => size > 0);
  }

  #lineOf(service: string): ServiceLine<T> {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const line = new ServiceLine<T>(this.#usualMs);
    this.#services.set(service, line);
    return line;
  }

  #forgetIdle(service: string, line: ServiceLine<T>): void {
    if (line.size === 0 && line.running === 0) this.#services.delete(service);
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
