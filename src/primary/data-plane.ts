// The data plane's front door, by SHARDING, and its certificate: checked before anything serves.
import type { Logger } from 'pino';
import { Acceptor } from '../cluster/acceptor.js';
import { ReusePort } from '../cluster/reuseport.js';
import type { Sharding, Sharing } from '../cluster/sharding.js';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import { openedConnections } from '../memory/connections.js';
import { readWorker } from '../memory/worker-row.js';
import { checkCertificate, tlsFilesOf } from '../server/certificate.js';

/** @throws StartError for an address that cannot be listened on and a certificate that cannot be used */
export async function openDataPlane(
  settings: Settings,
  sharing: Sharing,
  block: Block,
  log: Logger,
): Promise<Sharding> {
  const tls = tlsFilesOf(settings);
  if (tls !== undefined) for (const doubt of checkCertificate(tls)) log.warn(doubt);
  if (settings.sharding === 'reuseport') return ReusePort.open({ ...settings, sharing }, log);
  const opened = openedConnections(block);
  return new Acceptor({ ...settings, sharing, load: (slot) => readWorker(block, slot), opened }, log);
}
