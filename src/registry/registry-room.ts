// How much room instances may take: all of them together, those of one service, which must not keep others
// out, and those of clients, which must leave room for what processes serve themselves.
import { type HttpError, UnavailableError } from '../errors.js';
import type { Instance } from './instance.js';
import type { InstanceTable } from './instance-table.js';
import type { RegistryDependencies } from './registry-dependencies.js';

/** The share of the bytes for all instances that one service may take. */
const SHARE_OF_SERVICE = 0.75;
/** The share of the bytes for all instances that those of clients may take. */
const SHARE_OF_CLIENTS = 15 / 16;

interface Entering {
  readonly service: string;
  /** A process serves it itself; otherwise a client has registered it. */
  readonly isServed: boolean;
  /** The instance that is replaced. */
  readonly before: Instance | undefined;
  /** Those of the new one in the snapshot. */
  readonly bytes: number;
}

/** @throws UnavailableError OVERLOADED */
export function refuseTooMany(
  table: InstanceTable,
  limits: Pick<RegistryDependencies, 'maxSnapshotBytes' | 'maxOfService' | 'maxOfClients'>,
  { service, isServed, before, bytes }: Entering,
): void {
  const { maxSnapshotBytes, maxOfService, maxOfClients = Number.POSITIVE_INFINITY } = limits;
  const more = bytes - (before?.bytes ?? 0);
  if (table.snapshotBytes + more > maxSnapshotBytes) throw registryFull();
  const { ofClients } = table;
  const isOneMoreOfClients = !isServed && before?.isServed !== false;
  if (isOneMoreOfClients && ofClients.instances >= maxOfClients) throw registryFull();
  const moreOfClients = isServed ? 0 : bytes - (before?.isServed === false ? before.bytes : 0);
  if (moreOfClients > 0 && ofClients.bytes + moreOfClients > maxSnapshotBytes * SHARE_OF_CLIENTS)
    throw registryFull();
  const usage = table.usageOf(service);
  const isTooMuch = usage.bytes + more > maxSnapshotBytes * SHARE_OF_SERVICE;
  if (isTooMuch || (before === undefined && usage.instances >= maxOfService))
    throw registryFull(`Service ${service} has as many instances as one service may have.`);
}

export const registryFull = (detail = 'The registry has no room for another instance.'): HttpError =>
  new UnavailableError('OVERLOADED', detail, 60);
