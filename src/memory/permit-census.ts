// The censuses that are owed in the block of the process: see permit-ledger.ts.
import { admissionLedger } from './admission-cells.js';
import type { Block } from './block.js';
import { BreakerWords } from './breaker-word.js';
import { settleBulkheads } from './bulkhead-cells.js';
import { connectionLedger } from './connections.js';
import { endpointLedger } from './endpoint-cells.js';
import { ProbePermits } from './probe-permits.js';
import { quotaLedger } from './quota-cells.js';

/**
 * Takes each census that is owed, as the primary.
 * @returns how many counts are left in which an operation that was cut in two may still count
 */
export function permitCensus(block: Block): () => number {
  const primary = 0;
  const counts = [admissionLedger, connectionLedger, endpointLedger, quotaLedger].map((of) =>
    of(block, primary),
  );
  const probes = new ProbePermits(block, primary, new BreakerWords(block));
  return () =>
    [...counts, probes].reduce((owed, count) => owed + count.settle(), settleBulkheads(block, primary));
}
