// What a process that ends does first when a successor in its slot of pm2 may serve beside it.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AdminServer } from '../admin/server.js';
import type { OwnerLock } from '../process/owner-lock.js';

/**
 * Whether there is a successor is read from files, for which the process may have to wait. It waits no longer
 * than this, since a process that drains has to say that it is not ready.
 */
const QUESTION_MS = 200;
/** What is being answered on the admin plane when a successor has taken it over. */
const ADMIN_LEAVES_MS = 200;

/**
 * A successor serves: whoever asks how we are means the two of us, and is to hear it from the one that stays.
 * @throws Error when the owner files cannot be read
 */
export async function handOverAdminPlane(
  admin: Pick<AdminServer, 'close'> | undefined,
  lock: Pick<OwnerLock, 'isShared'> | undefined,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  if (admin === undefined || lock === undefined) return;
  const isShared = await Promise.race([lock.isShared(), delay(QUESTION_MS)]);
  if (isShared === undefined)
    log.warn('the owner files cannot be read in time: draining as without a successor');
  if (isShared === true) await Promise.race([admin.close(), delay(ADMIN_LEAVES_MS)]);
}
