// Settings of CONTRACT section 2 whose capability is not part of this version. One environment serves many
// versions, so what changes nothing here is taken with a warning; what would be relied on is refused.
import { ConfigError } from '../errors.js';

/** Values that say what this version does anyway; `any`: tuning of something that does not run here. */
const LATER: Readonly<Record<string, readonly string[] | 'any'>> = {
  REGISTRY_TOKEN: 'any',
  GATEWAY: ['off'],
  GRPC_HOST: 'any',
  GRPC_PORT: 'any',
  GRPC_WORKERS: 'any',
  GRPC_REFLECTION: ['off'],
  GRPC_TLS_CERT_FILE: [],
  GRPC_TLS_KEY_FILE: [],
  GRPC_TLS_CLIENT_CA_FILE: [],
};

/**
 * @param as how it was spelled
 * @returns a warning, undefined for a name that is not of a later version either
 * @throws ConfigError for a value that this version cannot honour
 */
export function laterSetting(name: string, as: string, value: string): string | undefined {
  const harmless = Object.hasOwn(LATER, name) ? LATER[name] : undefined;
  if (harmless === undefined) return undefined;
  if (value === '' || harmless === 'any' || harmless.includes(value)) {
    return `${as}: not part of this version; it changes nothing`;
  }
  throw new ConfigError(`${as}: not part of this version, so it cannot be set to anything`);
}
