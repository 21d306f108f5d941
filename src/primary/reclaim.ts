// No code of a worker can run any more: what it held in shared memory goes back, its totals stay.
import { reclaimAdmission } from '../memory/admission-cells.js';
import { reclaimBulkheads } from '../memory/bulkhead-cells.js';
import { reclaimCalls } from '../memory/call-claims.js';
import { reclaimConnections } from '../memory/connections.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { clearFlights } from '../memory/flight-recorder.js';
import { clearGauges } from '../memory/metrics/series.js';
import { reclaimQuotas } from '../memory/quota-cells.js';
import { clearWorker } from '../memory/worker-row.js';
import type { SharedState } from './shared-state.js';

export function reclaimSlot({ block, series, load, breakers }: SharedState, slot: number): void {
  reclaimAdmission(block, slot);
  reclaimBulkheads(block, slot);
  reclaimQuotas(block, slot);
  reclaimCalls(block, slot);
  reclaimConnections(block, slot);
  load.reclaim(slot);
  breakers.reclaim(slot);
  DatabaseBudget.reclaim(block, slot);
  clearFlights(block, slot);
  clearGauges(series.of(slot));
  clearWorker(block, slot);
}
