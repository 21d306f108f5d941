// Checks that involve several settings: each value is valid on its own, but not together with the others.
import { isIP, isIPv4 } from 'node:net';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { suggestedName } from '../name-suggestion.js';
import { checkMaxConnections } from './connection-limit.js';
import { checkGrpc, mayBeSameHost, requireBoth } from './grpc-checks.js';
import { canShareLimits, isLoopback, isWildcard } from './network-kinds.js';
import { TOKEN_CHARACTERS } from './setting-kinds.js';

export interface CheckContext {
  /** Returns the name by which a setting was set (`--port`), for messages. */
  readonly as: (name: string) => string;
  /** Names of all services that can be mounted. */
  readonly services: readonly string[];
  readonly platform: NodeJS.Platform;
  /** The most files and sockets that this process may have open. */
  readonly openFiles: number;
  /** Addresses of this machine's network interfaces. */
  readonly addresses: readonly string[];
}

/** @throws ConfigError for the first rule that is broken */
export function checkCombinations(settings: Settings, context: CheckContext): void {
  const { as, services, addresses, platform, openFiles } = context;
  const { host, port, adminHost, adminPort, adminToken, advertiseHost } = settings;
  if (!isLoopback(adminHost) && (adminToken?.length ?? 0) < TOKEN_CHARACTERS) {
    throw new ConfigError(
      `${as('ADMIN_HOST')}: "${adminHost}" can be reached from other machines, ` +
        `so ADMIN_TOKEN must be set, to at least ${TOKEN_CHARACTERS} characters`,
    );
  }
  if (port !== 0 && port === adminPort && mayBeSameHost(host, adminHost)) {
    throw new ConfigError(`${as('ADMIN_PORT')}: ${adminPort} is already the port of the data plane`);
  }
  if (settings.sharding === 'reuseport' && platform !== 'linux') {
    throw new ConfigError(
      `${as('SHARDING')}: reuseport needs Linux, whose kernel spreads connections over listeners; this is ${platform}`,
    );
  }
  if (settings.rateLimitScope === 'cluster' && !canShareLimits(settings.registry)) {
    throw new ConfigError(
      `${as('RATE_LIMIT_SCOPE')}: cluster needs a registry through which processes agree on their shares: ` +
        'REGISTRY must be a postgres:// or etcd:// URL',
    );
  }
  checkMaxConnections(settings.maxConnections, { openFiles, ...settings }, as('MAX_CONNECTIONS'));
  checkProbePaths(settings, as);
  checkTls(settings, as);
  checkGrpc(settings, as);
  if (advertiseHost !== undefined && !isBoundTo(host, advertiseHost, addresses)) {
    throw new ConfigError(
      `${as('ADVERTISE_HOST')}: the data plane (HOST ${host}) is not bound to ${advertiseHost}`,
    );
  }
  for (const name of settings.services ?? []) {
    if (services.includes(name)) continue;
    const near = suggestedName(name, services);
    const hint = near === undefined ? `; there are ${services.join(', ')}` : `, did you mean "${near}"?`;
    throw new ConfigError(`${as('SERVICES')}: there is no service "${name}"${hint}`);
  }
}

/**
 * The size of the largest body that can be buffered. One client may hold half of MAX_BUFFERED_BODY_BYTES, of
 * which an eighth is reserved for small bodies of all clients (memory/quota-cells.ts).
 */
export const largestBody = (maxBufferedBodyBytes: number): number =>
  Math.floor((maxBufferedBodyBytes * 7) / 16);

/** Warnings about values that are allowed together but probably a mistake. */
export function combinationWarnings(settings: Settings, as: CheckContext['as']): readonly string[] {
  const { maxBodyBytes, maxBufferedBodyBytes } = settings;
  const mostOfOne = largestBody(maxBufferedBodyBytes);
  if (maxBodyBytes <= mostOfOne) return [];
  return [
    `${as('MAX_BODY_BYTES')}: a body of ${maxBodyBytes} bytes is always refused with 503, because one client may hold ` +
      `${mostOfOne} bytes of MAX_BUFFERED_BODY_BYTES (${maxBufferedBodyBytes}) at most; make the one smaller or the other larger`,
  ];
}

/** Each of these paths has one route. */
function checkProbePaths({ healthPath, readyPath, openapi }: Settings, as: CheckContext['as']): void {
  for (const [name, path] of [
    ['HEALTH_PATH', healthPath],
    ['READY_PATH', readyPath],
  ] as const) {
    if (openapi === false || path === null || !/^\/(?:openapi\.json$|docs(?:\/|$))/.test(path)) continue;
    throw new ConfigError(
      `${as(name)}: ${path} is a path of the API description; choose another one, or set openapi: false in the configuration`,
    );
  }
  if (healthPath !== null && healthPath === readyPath)
    throw new ConfigError(`${as('READY_PATH')}: ${readyPath} is already the path of HEALTH_PATH`);
}

function checkTls({ tlsCertFile, tlsKeyFile }: Settings, as: CheckContext['as']): void {
  requireBoth(['TLS_CERT_FILE', tlsCertFile], ['TLS_KEY_FILE', tlsKeyFile], as);
}

/**
 * False when a listener on `host` certainly receives nothing that is sent to `address`. Names are not
 * resolved.
 */
function isBoundTo(host: string, address: string, addresses: readonly string[]): boolean {
  if (isIP(address) === 0 || isIP(host) === 0) return true;
  if (!isWildcard(host)) return host.toLowerCase() === address.toLowerCase();
  // An IPv6 wildcard accepts IPv4 connections too; the IPv4 wildcard accepts only IPv4.
  if (isIPv4(host) && !isIPv4(address)) return false;
  return isLoopback(address) || addresses.includes(address.toLowerCase());
}
