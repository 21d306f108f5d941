// Checks of the settings of gRPC against each other, and against the ports of the data and the admin plane.
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { isWildcard } from './network-kinds.js';

/** Returns the name by which a setting was set, for messages. */
type As = (name: string) => string;

/** The default of GRPC_PORT. */
export const DEFAULT_PORT = 50_051;

type Named = readonly [name: string, value: string | undefined];

/** @throws ConfigError for the first rule that is broken */
export function checkGrpc(settings: Settings, as: As): void {
  const { grpcTlsCertFile: cert, grpcTlsKeyFile: key, grpcTlsClientCaFile: clientCa } = settings;
  requireBoth(['GRPC_TLS_CERT_FILE', cert], ['GRPC_TLS_KEY_FILE', key], as);
  if (clientCa !== undefined && cert === undefined) {
    throw new ConfigError(
      `GRPC_TLS_CERT_FILE: must be set as well, since ${as('GRPC_TLS_CLIENT_CA_FILE')} is`,
    );
  }
  if (settings.grpcPort !== DEFAULT_PORT) checkGrpcPorts(settings, as);
}

/**
 * Compares the ports of gRPC with those of the planes. Call it where gRPC workers start: whether they do is
 * not known when settings are read, and where they do not, a plane may have the default port of gRPC.
 * @throws ConfigError for a port that is taken, and for ports behind the last one
 */
export function checkGrpcPorts(settings: Settings, as: As = (name) => name): void {
  const { host, port, adminHost, adminPort, grpcHost = host, grpcPort: first, grpcWorkers } = settings;
  if (first === 0) return;
  const last = first + grpcWorkers - 1;
  if (last > 65_535) {
    throw new ConfigError(
      `${as('GRPC_PORT')}: ${grpcWorkers} gRPC workers need the ports ${first} to ${last}, and 65535 is the last one`,
    );
  }
  const planes = [
    ['the data plane', host, port],
    ['the admin plane', adminHost, adminPort],
  ] as const;
  for (const [plane, itsHost, itsPort] of planes) {
    const isTaken = itsPort >= first && itsPort <= last;
    if (isTaken && mayBeSameHost(grpcHost, itsHost)) {
      throw new ConfigError(
        `${as('GRPC_PORT')}: ${itsPort} is already the port of ${plane}` +
          (last > first ? `; the gRPC workers have the ports ${first} to ${last}` : ''),
      );
    }
  }
}

/** Whether listeners on these hosts may meet on the same port. Names are not resolved. */
export const mayBeSameHost = (one: string, other: string): boolean =>
  one === other || isWildcard(one) || isWildcard(other);

/** @throws ConfigError when one of two settings is set and the other one is not */
export function requireBoth(one: Named, other: Named, as: As): void {
  if ((one[1] === undefined) === (other[1] === undefined)) return;
  const [there, absent] = one[1] === undefined ? [other[0], one[0]] : [one[0], other[0]];
  throw new ConfigError(`${absent}: must be set as well, since ${as(there)} is`);
}
