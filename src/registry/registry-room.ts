// How much room instances may take: all of them together, and those of one service, which must not keep
// others out.
import { type HttpError, UnavailableError } from '../errors.js';
import type { Instance } from './instance.js';
import type { InstanceTable } from './instance-table.js';
import type { RegistryDependencies } from './registry-dependencies.js';

/** The share of the bytes for all instances that one service may take. */
const SHARE_OF_SERVICE = 0.75;

interface Entering {
  readonly service: string;
  /** The instance that is replaced. */
  readonly before: Instance | undefined;
  /** Those of the new one in the snapshot. */
  readonly bytes: number;
}

/** @throws UnavailableError OVERLOADED */
export function refuseTooMany(
  table: InstanceTable,
  limits: Pick<RegistryDependencies, 'maxSnapshotBytes' | 'maxOfService'>,
  { service, before, bytes }: Entering,
): void {
  const { maxSnapshotBytes, maxOfService } = limits;
  const more = bytes - (before?.bytes ?? 0);
  if (table.snapshotBytes + more > maxSnapshotBytes) throw registryFull();
  const usage = table.usageOf(service);
  const isTooMuch = usage.bytes + more > maxSnapshotBytes * SHARE_OF_SERVICE;
  if (isTooMuch || (before === undefined && usage.instances >= maxOfService))
    throw registryFull(`Service ${service} has as many instances as one service may have.`);
}

export const registryFull = (detail = 'The registry has no room for another instance.'): HttpError =>
  new UnavailableError('OVERLOADED', detail, 60);
