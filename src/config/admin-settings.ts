// The settings that lead a client to the admin plane of a process. They are read without the others, so that
// a mistake in another setting does not keep an operator from the process.
import type { Settings } from '../config.js';
import { type ConfigFile, fromFile } from './config-file.js';
import { type Environment, fromEnvironment } from './environment.js';
import { machineFacts } from './machine-facts.js';
import { readSetting } from './read-setting.js';
import { valuesOf } from './setting.js';
import { keyOf, PREFIX } from './setting-names.js';
import { LISTENER_SETTINGS } from './table-listeners.js';

export type AdminSettings = Pick<Settings, 'adminHost' | 'adminPort' | 'adminToken'>;

const { ADMIN_HOST, ADMIN_PORT, ADMIN_TOKEN } = LISTENER_SETTINGS;
const TABLE = { ADMIN_HOST, ADMIN_PORT, ADMIN_TOKEN };
const NAMES = Object.keys(TABLE);

/**
 * Reads them from the environment, then from the file, and otherwise takes the defaults.
 * @param file undefined: there is none, or it cannot be loaded
 * @throws ConfigError for a wrong value of one of these settings
 */
export function adminSettings(
  file: ConfigFile | undefined,
  warn: (warning: string) => void,
  env: Environment = process.env,
): AdminSettings {
  const variables = NAMES.flatMap((name) => [PREFIX + name, name]).flatMap((name) =>
    env[name] === undefined ? [] : [[name, env[name]] as const],
  );
  const sources = [fromEnvironment(Object.fromEntries(variables), NAMES, warn)];
  if (file !== undefined) {
    const members = Object.fromEntries(NAMES.map(keyOf).map((key) => [key, file.members[key]]));
    sources.push(fromFile({ ...file, members }, NAMES));
  }
  const machine = machineFacts(false);
  return valuesOf(
    TABLE,
    (name) => readSetting(name, TABLE[name as keyof typeof TABLE], sources, machine, warn).value,
  );
}
