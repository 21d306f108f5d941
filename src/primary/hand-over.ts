// A process that ends leaves the admin plane to a successor in its slot of pm2, if there is one.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AdminServer } from '../admin/server.js';
import type { OwnerLock } from '../process/owner-lock.js';

/**
 * The longest wait for the owner files, which show whether there is a successor. It is short, because a
 * process that drains must soon report that it is not ready.
 */
const QUESTION_MS = 200;
/** Time for requests that are under way on the admin plane when a successor takes it over. */
const ADMIN_LEAVES_MS = 200;

/**
 * Closes the admin plane when a successor serves, so that requests for readiness and metrics reach the
 * successor.
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
