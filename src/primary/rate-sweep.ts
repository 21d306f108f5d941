// Rows of rate limits that carry no state are emptied now and then: their times come round again after 12 days.
import { RateTable } from '../memory/rate-table.js';
import type { Brain } from './brain.js';

const EVERY_MS = 3_600_000;

/** @returns what ends it */
export function sweepRates({ block, clock }: Pick<Brain, 'block' | 'clock'>): () => void {
  const table = RateTable.of(block, clock);
  const timer = setInterval(() => table.sweep(), EVERY_MS).unref();
  return () => clearInterval(timer);
}
