// The limits of what this worker lets run at once, counted over all workers of the process: requests in
// flight, bulkheads of routes and of calls, and the bodies and streams of requests. Refusals are counted here
// and not by the error code of the response, because a handler may respond OVERLOADED as well.
import type { Settings } from '../config.js';
import { AdmissionCells } from '../memory/admission-cells.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Counter } from '../memory/metrics/recorder.js';
import { interruptedPermits } from '../memory/permit-census.js';
import { Admission, REFUSALS, type Refusal } from '../resilience/admission.js';
import { BulkheadQueue } from '../resilience/bulkhead-queue.js';
import type { RequestGates, RequestQuotas } from '../server/request-observer.js';
import type { CallPermitsOf } from '../upstream/max-concurrent.js';
import { callPermits } from './call-permits.js';
import { createRequestQuotas, type QuotaSettings } from './request-quotas.js';
import type { WorkerMemory } from './worker-memory.js';

/** Interrupted requests are rare, and the primary counts their permits again only once a second. */
const RELEASE_BEATS = 5;

export interface ConcurrencyLimits extends RequestGates {
  readonly callPermitsOf: CallPermitsOf;
  readonly quotas: RequestQuotas;
  /**
   * Looks at the load of the thread for the overload rule, and releases permits of interrupted requests. Call
   * it about every 50 ms.
   */
  beat(): void;
  /** The number of routes that found no free row for a count of their own, and share one count. */
  readonly sharingRoutes: number;
}

export function createConcurrencyLimits(
  { block, slot, recorder }: Pick<WorkerMemory, 'block' | 'slot' | 'recorder'>,
  settings: QuotaSettings & Pick<Settings, 'maxInFlight' | 'adaptiveLimit'>,
): ConcurrencyLimits {
  const { maxInFlight, adaptiveLimit } = settings;
  const shed = (reason: string) => recorder.counter('multilane_requests_shed_total', { reason });
  const refused = Object.fromEntries(REFUSALS.map((reason) => [reason, shed(reason)])) as Record<
    Refusal,
    Counter
  >;
  const bulkheads = new BulkheadCells(block, slot);
  const full = shed('bulkhead');
  const cells = new AdmissionCells(block, slot);
  const releaseInterrupted = interruptedPermits(block, slot);
  let beats = 0;
  const admission = new Admission({
    cells,
    onRefused: (reason) => refused[reason].add(),
    most: maxInFlight,
    isAdaptive: adaptiveLimit,
  });
  return {
    gate: (priority, name) => admission.gate(priority, name),
    bulkhead: (name, options) =>
      new BulkheadQueue({
        permits: bulkheads.of(`route ${name}`),
        ...options,
        onRefused: () => full.add(),
      }),
    callPermitsOf: callPermits(bulkheads, full, recorder.counter('multilane_bulkhead_overflow_total')),
    quotas: createRequestQuotas({ block, slot }, settings, {
      bodies: shed('bodies'),
      streams: shed('streams'),
    }),
    beat() {
      admission.beat();
      if (beats++ % RELEASE_BEATS === 0) releaseInterrupted();
    },
    get sharingRoutes() {
      return cells.sharing;
    },
  };
}
