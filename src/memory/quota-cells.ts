// Quotas: amounts, such as the bytes of request bodies, of which all threads together may hold a bounded
// number.
import { AddressCells } from './address-cells.js';
import type { Area } from './area.js';
import { QUOTAS, type QuotaName } from './layout.js';
import { PermitLedger } from './permit-ledger.js';

/** The ledger of quotas, with one count for each of them. */
export const quotaLedger = (area: Area, slot: number): PermitLedger =>
  new PermitLedger(area, slot, { totals: 'quotaHeld', own: 'workerQuotaHeld' });

/** One quota, as one thread uses it. */
export class QuotaCells {
  readonly #ledger: PermitLedger;
  readonly #count: number;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, name: QuotaName) {
    this.#ledger = quotaLedger(area, slot);
    this.#count = QUOTAS.indexOf(name);
  }

  /** Units that all threads hold together. */
  get held(): number {
    return this.#ledger.held(this.#count);
  }

  /**
   * Takes `amount` units, all or none.
   * @param most units that all threads may hold together; `most` and every amount are below 2^31
   * @returns false when they would become more than `most`; nothing is taken then
   */
  take(amount: number, most: number): boolean {
    return this.#ledger.take(this.#count, amount, most);
  }

  give(amount: number): void {
    this.#ledger.give(this.#count, amount);
  }
}

/** Releases what a lost thread held. Call it when none of its code can run any more. */
export function reclaimQuotas(area: Area, slot: number): void {
  quotaLedger(area, slot).reclaim();
  for (const name of ['bodies', 'bodyBytes', 'streams'] as const) new AddressCells(area, slot, name).clear();
}
