// What a process that is started by another one may have of its environment: everything but settings. Those
// it is given.
import type { Environment } from './environment.js';
import { PREFIX } from './setting-names.js';
import { SETTINGS } from './table.js';

/** Of process managers: pm2, systemd. */
const MANAGERS = /^(pm_id|NOTIFY_SOCKET|WATCHDOG_(USEC|PID))$/;
const isSetting = (name: string): boolean =>
  name.startsWith(PREFIX) ||
  Object.hasOwn(SETTINGS, name) ||
  name.endsWith('_DATABASE_URL') ||
  MANAGERS.test(name);

/** A copy without settings, so that what is started means the same in every shell. */
export const inheritedEnvironment = (env: Environment = process.env): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !isSetting(entry[0]),
    ),
  );
