// Bounded amounts of one kind that all threads hold together: one word that every thread adds to. What each thread
// holds is counted beside it, so that it can be given back if the thread is lost.
import { AddressCells } from './address-cells.js';
import type { Area } from './area.js';
import { QUOTA_WORDS, QUOTAS, type QuotaName } from './layout.js';

/** One quota, as one thread uses it. */
export class QuotaCells {
  readonly #held: Int32Array;
  readonly #own: Int32Array;
  readonly #index: number;
  readonly #ownIndex: number;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, name: QuotaName) {
    this.#ownIndex = QUOTAS.indexOf(name);
    this.#index = this.#ownIndex * QUOTA_WORDS;
    this.#held = area.words('quotaHeld');
    this.#own = area.words('workerQuotaHeld', slot);
  }

  /** Units held by all threads. */
  get held(): number {
    return Atomics.load(this.#held, this.#index);
  }

  /**
   * Takes `amount` units, all or none.
   * @param most units that all threads may hold together; `most` and every amount are below 2^31
   * @returns false when they would become more than `most`; nothing is taken then
   */
  take(amount: number, most: number): boolean {
    for (;;) {
      const before = Atomics.load(this.#held, this.#index);
      if (before + amount > most) return false;
      if (Atomics.compareExchange(this.#held, this.#index, before, before + amount) === before) break;
    }
    Atomics.add(this.#own, this.#ownIndex, amount);
    return true;
  }

  give(amount: number): void {
    Atomics.sub(this.#own, this.#ownIndex, amount);
    Atomics.sub(this.#held, this.#index, amount);
  }
}

/** Gives back what a lost thread held. Call it when none of its code can run any more. */
export function reclaimQuotas(area: Area, slot: number): void {
  const held = area.words('quotaHeld');
  const own = area.words('workerQuotaHeld', slot);
  for (const index of QUOTAS.keys()) Atomics.sub(held, index * QUOTA_WORDS, Atomics.exchange(own, index, 0));
  for (const name of ['bodies', 'bodyBytes', 'streams'] as const) new AddressCells(area, slot, name).clear();
}
