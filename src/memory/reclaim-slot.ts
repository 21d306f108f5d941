// Releases what a worker held in shared memory, once no code of its thread can run any more.
import { reclaimAdmission } from './admission-cells.js';
import type { Block } from './block.js';
import type { BreakerCells } from './breaker/breaker-cell.js';
import { reclaimBulkheads } from './bulkhead-cells.js';
import { reclaimCalls } from './call-claims.js';
import { DatabaseBudget } from './database-budget.js';
import type { EndpointCells } from './endpoint-cells.js';
import { clearFlights } from './flight-recorder.js';
import { clearGauges } from './metrics/series.js';
import type { SeriesMemory } from './metrics/series-memory.js';
import { reclaimConnections } from './open-connections.js';
import { reclaimQuotas } from './quota-cells.js';
import { reclaimServed } from './served-load.js';
import { clearWorker } from './worker-row.js';

/** The memory of the process, and the cells that need a clock or a rule, as the primary uses them. */
export interface ReclaimedMemory {
  readonly block: Block;
  readonly series: SeriesMemory;
  readonly load: EndpointCells;
  readonly breakers: BreakerCells;
}

/**
 * Releases everything that the worker held in one slot. The totals of its metrics stay; its gauges are
 * cleared.
 */
export function reclaimSlot({ block, series, load, breakers }: ReclaimedMemory, slot: number): void {
  reclaimAdmission(block, slot);
  reclaimBulkheads(block, slot);
  reclaimQuotas(block, slot);
  reclaimCalls(block, slot);
  reclaimConnections(block, slot);
  reclaimServed(block, slot);
  load.reclaim(slot);
  breakers.reclaim(slot);
  DatabaseBudget.reclaim(block, slot);
  clearFlights(block, slot);
  clearGauges(series.of(slot));
  clearWorker(block, slot);
}
