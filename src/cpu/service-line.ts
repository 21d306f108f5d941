// The entries of one service in the queue. The priorities take turns by their weights: when all of them have
// entries, 8 turns of `high` come with 4 of `normal` and 1 of `low`. So the lowest always goes on. A full
// queue is divided by the same weights.
import { type CallerEntry, PriorityLine } from './priority-line.js';
import { type Party, TurnOrder } from './turn-order.js';

/** The weights of the priorities. */
export const PRIORITIES = { high: 8, normal: 4, low: 1 } as const;
export type Priority = keyof typeof PRIORITIES;

export interface ServiceEntry<T> extends CallerEntry<T> {
  readonly priority: Priority;
}

export class ServiceLine<T extends ServiceEntry<T>> implements Party {
  charged = 0;
  /** Entries that have left the queue and have not ended. */
  running = 0;
  /** The usual time of an entry of this service, in milliseconds. */
  usualMs: number;
  readonly #lines: Readonly<Record<Priority, PriorityLine<T>>>;
  readonly #turns = new TurnOrder<PriorityLine<T>>();

  readonly service: string;

  /** @param usualMs the first estimate of the time of an entry */
  constructor(service: string, usualMs: number) {
    this.service = service;
    this.usualMs = usualMs;
    const { high, normal, low } = PRIORITIES;
    this.#lines = {
      high: new PriorityLine(high),
      normal: new PriorityLine(normal),
      low: new PriorityLine(low),
    };
  }

  get size(): number {
    return this.#all.reduce((sum, { size }) => sum + size, 0);
  }

  /** The number of lines: one for each caller and priority that has entries. */
  get callers(): number {
    return this.#all.reduce((sum, { callers }) => sum + callers, 0);
  }

  /** Whether another caller has entries. */
  hasOtherCaller(caller: string): boolean {
    return this.#all.some((line) => line.hasOtherCaller(caller));
  }

  add(entry: T): void {
    const line = this.#lines[entry.priority];
    if (line.size === 0) this.#turns.join(line);
    line.add(entry);
  }

  /** Removes and returns the entry that is next; undefined when there is none. */
  next(): T | undefined {
    const line = this.#turns.next(this.#all.filter(({ size }) => size > 0));
    if (line === undefined) return undefined;
    line.charged += 1 / line.weight;
    return line.next();
  }

  /** @param entry an entry of this service */
  remove(entry: T): void {
    this.#lines[entry.priority].remove(entry);
  }

  /** The entry that this service gives up for another service. */
  get surplus(): T | undefined {
    return this.#heaviest.surplus;
  }

  /** The entry that this service gives up for a new one of its own, or the new one. */
  surplusFor(entry: T): T {
    const own = this.#lines[entry.priority];
    const heaviest = this.#heaviest;
    const isOverShare = heaviest.size / heaviest.weight > (own.size + 1) / own.weight;
    return isOverShare && heaviest !== own ? heaviest.surplus! : own.surplusFor(entry);
  }

  get #all(): readonly PriorityLine<T>[] {
    return Object.values(this.#lines);
  }

  /** The priority that has most entries for its weight. */
  get #heaviest(): PriorityLine<T> {
    return this.#all.reduce((a, b) => (b.size / b.weight > a.size / a.weight ? b : a));
  }
}
