// Requests that are refused because too much is in flight, counted where that is decided: a handler, too, may
// answer OVERLOADED.
import type { Settings } from '../config.js';
import { AddressCells, addressKeys } from '../memory/address-cells.js';
import { AdmissionCells } from '../memory/admission-cells.js';
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { QuotaName } from '../memory/layout.js';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import { interruptedPermits } from '../memory/permit-census.js';
import { QuotaCells } from '../memory/quota-cells.js';
import { Admission, REFUSALS, type Refusal } from '../resilience/admission.js';
import { half, Quota } from '../resilience/quota.js';
import type { RequestGates, RequestQuotas } from '../server/request-observer.js';
import type { CallPermitsOf } from '../upstream/max-concurrent.js';
import { callPermits } from './call-permits.js';

export interface WorkerMemory {
  readonly block: Block;
  readonly slot: number;
  readonly recorder: Recorder;
}

/** Of requests, and of calls. */
export interface ConcurrencyLimits extends RequestGates {
  readonly callPermitsOf: CallPermitsOf;
  /** Call about every 50 ms. */
  beat(): void;
  /** Routes that have no count of their own and share one. */
  readonly sharingRoutes: number;
  readonly quotas: RequestQuotas;
}

type QuotaOptions = Pick<
  Settings,
  'maxPendingBodies' | 'maxBufferedBodyBytes' | 'maxStreams' | 'maxStreamsPerAddress'
>;

export function createConcurrencyLimits(
  { block, slot, recorder }: WorkerMemory,
  settings: QuotaOptions & Pick<Settings, 'maxInFlight' | 'adaptiveLimit'>,
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
  const recover = interruptedPermits(block, slot);
  const admission = new Admission({
    cells,
    onRefused: (reason) => refused[reason].add(),
    most: maxInFlight,
    isAdaptive: adaptiveLimit,
  });
  return {
    gate: (priority, name) => admission.gate(priority, name),
    beat() {
      admission.beat();
      recover();
    },
    get sharingRoutes() {
      return cells.sharing;
    },
    bulkhead: (name) => ({ permits: bulkheads.of(`route ${name}`), refused: () => full.add() }),
    callPermitsOf: callPermits(bulkheads, full, recorder.counter('multilane_bulkhead_overflow_total')),
    quotas: createQuotas(block, slot, settings, { bodies: shed('bodies'), streams: shed('streams') }),
  };
}

/** @param shed counters of what is refused */
function createQuotas(
  block: Block,
  slot: number,
  settings: QuotaOptions,
  shed: Readonly<Record<'bodies' | 'streams', { add(): void }>>,
): RequestQuotas {
  const quota = (
    name: Exclude<QuotaName, 'looseBodyBytes'>,
    most: number,
    mostEach: number,
    reason: keyof typeof shed,
    loose?: QuotaName,
  ) =>
    new Quota({
      units: new QuotaCells(block, slot, name),
      shares: new AddressCells(block, slot, name),
      most,
      mostEach,
      ...(loose !== undefined && { loose: new QuotaCells(block, slot, loose) }),
      onRefused: () => shed[reason].add(),
    });
  const { maxPendingBodies, maxBufferedBodyBytes, maxStreams, maxStreamsPerAddress } = settings;
  return {
    bodies: quota('bodies', maxPendingBodies, half(maxPendingBodies), 'bodies'),
    bodyBytes: quota(
      'bodyBytes',
      maxBufferedBodyBytes,
      half(maxBufferedBodyBytes),
      'bodies',
      'looseBodyBytes',
    ),
    streams: quota('streams', maxStreams, maxStreamsPerAddress ?? half(maxStreams), 'streams'),
    addressKey: addressKeys(block),
  };
}
