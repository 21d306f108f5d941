// Settings of the contract (docs/contract.md) whose feature is not part of this version. One environment may
// serve several versions, so values that change nothing are accepted with a warning; others are refused.
import { ConfigError } from '../errors.js';

/** Values that describe what this version does anyway. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  GATEWAY: ['off'],
};

/**
 * @param as the name by which it was set, for messages
 * @returns a warning; undefined for a name that is not a setting of a later version
 * @throws ConfigError for a value that this version cannot apply
 */
export function laterSetting(name: string, as: string, value: string): string | undefined {
  const harmless = Object.hasOwn(LATER, name) ? LATER[name] : undefined;
  if (harmless === undefined) return undefined;
  if (value === '' || harmless.includes(value)) {
    return `${as}: not part of this version; it changes nothing`;
  }
  throw new ConfigError(`${as}: not part of this version, so it cannot be set to anything`);
}
