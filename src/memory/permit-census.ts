// Finds and releases permits in the block of the process that interrupted operations have left behind, for
// all kinds of permits at once. The method is that of permit-ledger.ts.
import { admissionLedger } from './admission-cells.js';
import type { Block } from './block.js';
import { BreakerWords } from './breaker/breaker-word.js';
import { bulkheadLedger, settleBulkheads } from './bulkhead-cells.js';
import { endpointLedger } from './endpoint-cells.js';
import { connectionLedger } from './open-connections.js';
import type { PermitLedger } from './permit-ledger.js';
import { ProbePermits } from './probe-permits.js';
import { quotaLedger } from './quota-cells.js';

/**
 * The ledgers of all kinds but bulkheads, which have a function of their own because threads may wait for
 * them.
 */
const countsOf = (block: Block, slot: number): readonly (PermitLedger | ProbePermits)[] => [
  ...[admissionLedger, connectionLedger, endpointLedger, quotaLedger].map((of) => of(block, slot)),
  new ProbePermits(block, slot, new BreakerWords(block)),
];

/**
 * Marks censuses as due when operations of a thread were interrupted. Each ledger does so itself in its next
 * operation, but this thread may never use it again. The primary takes the censuses.
 * @returns a function that looks once; call it in the thread of the slot
 */
export function interruptedPermits(block: Block, slot: number): () => void {
  const counts = [...countsOf(block, slot), bulkheadLedger(block, slot)];
  return () => {
    for (const count of counts) count.recover();
  };
}

/**
 * Takes each census that is due, as the primary.
 * @returns a function that does so once and returns how many censuses failed and are still due
 */
export function permitCensus(block: Block): () => number {
  const primary = 0;
  const counts = countsOf(block, primary);
  return () => counts.reduce((owed, count) => owed + count.settle(), settleBulkheads(block, primary));
}
