// What requests may hold of the process beside their permits: bodies on their way, buffered bytes and open
// streams, in all and for each client address.
import type { Settings } from '../config.js';
import { AddressCells, addressKeys } from '../memory/address-cells.js';
import type { QuotaName } from '../memory/layout.js';
import type { Counter } from '../memory/metrics/recorder.js';
import { QuotaCells } from '../memory/quota-cells.js';
import { half, Quota } from '../resilience/quota.js';
import type { RequestQuotas } from '../server/request-observer.js';
import type { HeldBytes } from '../upstream/held-bytes.js';
import type { WorkerMemory } from './worker-memory.js';

export type QuotaSettings = Pick<
  Settings,
  'maxPendingBodies' | 'maxBufferedBodyBytes' | 'maxStreams' | 'maxStreamsPerAddress'
>;

/** @param shed counters of refusals */
export function createRequestQuotas(
  { block, slot }: Pick<WorkerMemory, 'block' | 'slot'>,
  settings: QuotaSettings,
  shed: Readonly<Record<'bodies' | 'streams', Pick<Counter, 'add'>>>,
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
  const mostBytesEach = half(maxBufferedBodyBytes);
  return {
    bodies: quota('bodies', maxPendingBodies, half(maxPendingBodies), 'bodies'),
    bodyBytes: quota('bodyBytes', maxBufferedBodyBytes, mostBytesEach, 'bodies', 'looseBodyBytes'),
    streams: quota('streams', maxStreams, maxStreamsPerAddress ?? half(maxStreams), 'streams'),
    addressKey: addressKeys(block),
  };
}

/** What the responses of calls are counted for in place of a client: no address has this name. */
const CALLS = 'responses of calls';

/** The bytes of all responses of calls: they hold no more of the memory of bodies than one client may. */
export function heldByCalls(quotas: RequestQuotas): HeldBytes {
  const { bodyBytes } = quotas;
  const key = quotas.addressKey(CALLS);
  return {
    take: (bytes) => bodyBytes.take(bytes, key),
    give: (bytes) => bodyBytes.give(bytes, key),
  };
}
