// How the data plane accepts connections, by the setting SHARDING. Its certificate, and
// that of gRPC, are checked first, before anything serves.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import { ReusePort } from '../cluster/reuseport.js';
import type { Sharding } from '../cluster/sharding.js';
import { SinglePort } from '../cluster/single-port.js';
import type { Settings } from '../config.js';
import { StartError } from '../errors.js';
import type { Every } from '../grouped-interval.js';
import type { Block } from '../memory/block.js';
import { Connections, openedConnections } from '../memory/open-connections.js';
import { readWorker } from '../memory/worker-row.js';
import type { Sharing } from '../process/claim.js';
import { checkCertificate, grpcTlsFilesOf, tlsFilesOf } from '../server/certificate.js';

/**
 * Opens the data plane: the acceptor of the primary, or the port on which the workers listen.
 * @throws StartError for an address that cannot be listened on and a certificate that cannot be used
 */
export async function openDataPlane(
  settings: Settings,
  sharing: Sharing,
  block: Block,
  log: Logger,
  every: Every,
): Promise<Sharding> {
  for (const tls of [tlsFilesOf(settings), grpcTlsFilesOf(settings)])
    if (tls !== undefined) for (const warning of checkCertificate(tls)) log.warn(warning);
  const connections = new Connections(block, 0, settings.maxConnections);
  const own = { ...settings, sharing, connections };
  if (settings.sharding === 'reuseport') return ReusePort.open(own, log);
  if (settings.sharding === 'single') return SinglePort.open(own, log);
  // It loads uWebSockets.js.
  const { Acceptor } = await import('../cluster/acceptor.js');
  const opened = openedConnections(block);
  return new Acceptor({ ...settings, sharing, load: (slot) => readWorker(block, slot), opened, every }, log);
}

/**
 * Resolves HOST, or GRPC_HOST, to an address. When a name has several addresses, an IPv6 address is chosen
 * where the machine has one itself, as the HTTP core would do.
 * @throws StartError for a name that cannot be resolved
 */
export async function addressOf(host: string, setting = 'HOST', plane = 'data plane'): Promise<string> {
  if (isIP(host) !== 0) return host;
  const found = await lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      `cannot listen on ${host} (${plane}): ${setting} cannot be resolved (${error.code})`,
    );
  });
  const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ family }) => family === 'IPv6'),
  );
  const [first] = found.toSorted((a, b) => (hasIPv6 ? b.family - a.family : a.family - b.family));
  return first!.address;
}
