// The environment for a process that another one starts: everything except settings, which are passed
// explicitly.
import type { Environment } from './environment.js';
import { PREFIX } from './setting-names.js';
import { SETTINGS } from './table.js';

/** Variables of the process managers pm2 and systemd. */
const MANAGERS = /^(pm_id|NOTIFY_SOCKET|WATCHDOG_(USEC|PID))$/;
const isSetting = (name: string): boolean =>
  name.startsWith(PREFIX) ||
  Object.hasOwn(SETTINGS, name) ||
  name.endsWith('_DATABASE_URL') ||
  MANAGERS.test(name);

/**
 * A copy of the environment without settings, so that the started process behaves the same in every shell.
 */
export const inheritedEnvironment = (env: Environment = process.env): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !isSetting(entry[0]),
    ),
  );
