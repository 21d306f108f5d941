// Permits in the block of the process that operations left behind which were cut in two: see
// permit-ledger.ts.
import { admissionLedger } from './admission-cells.js';
import type { Block } from './block.js';
import { BreakerWords } from './breaker/breaker-word.js';
import { bulkheadLedger, settleBulkheads } from './bulkhead-cells.js';
import { endpointLedger } from './endpoint-cells.js';
import { connectionLedger } from './open-connections.js';
import type { PermitLedger } from './permit-ledger.js';
import { ProbePermits } from './probe-permits.js';
import { quotaLedger } from './quota-cells.js';

/** All counts but those of bulkheads, for which others may wait. */
const countsOf = (block: Block, slot: number): readonly (PermitLedger | ProbePermits)[] => [
  ...[admissionLedger, connectionLedger, endpointLedger, quotaLedger].map((of) => of(block, slot)),
  new ProbePermits(block, slot, new BreakerWords(block)),
];

/**
 * Finds operations of the thread of a slot that were interrupted, for counts that it may not use again. The
 * primary takes their censuses. @returns what looks once; call it in that thread
 */
export function interruptedPermits(block: Block, slot: number): () => void {
  const counts = [...countsOf(block, slot), bulkheadLedger(block, slot)];
  return () => {
    for (const count of counts) count.recover();
  };
}

/**
 * Takes each census that is owed, as the primary.
 * @returns how many counts are left in which an operation that was cut in two may still count
 */
export function permitCensus(block: Block): () => number {
  const primary = 0;
  const counts = countsOf(block, primary);
  return () => counts.reduce((owed, count) => owed + count.settle(), settleBulkheads(block, primary));
}
