// The sessions that a pool closes while it is in use, not at its end: those that have been idle for long,
// and, while other pools of the process wait in vain, those that it can spare or that are owed to them.
import type { ConnectionBudget } from './budget.js';
import type { Connection } from './connection.js';
import type { SessionOpener } from './session-opener.js';
import type { Sessions } from './sessions.js';

/** How long a session is kept although other pools wait, so that it is used before it is closed again. */
const MIN_USE_MS = 100;
/** The same for the only session of a pool; it is longer, because each pool then has to connect again. */
const TURN_MS = 250;

/** What a pool has. */
export interface Holdings {
  readonly sessions: Sessions;
  readonly budget: ConnectionBudget;
  readonly opener: Pick<SessionOpener, 'held'>;
}

/**
 * Closes sessions that have been idle for longer than `idleMs`, and one that is owed to other pools.
 * @param idleMs the limit while no other pool waits; any idle session is closed while one does
 * @param tickMs time between two calls
 */
export function closeSurplus(holdings: Holdings, idleMs: number, tickMs: number, now: number): void {
  const { sessions, budget } = holdings;
  const limitMs = budget.poorestWaiting === undefined ? idleMs : tickMs;
  let leastUsed: Connection | undefined;
  for (const session of sessions) {
    if (session.use !== 'shared') continue;
    if (session.pending === 0 && now - session.idleSince > limitMs) sessions.retire(session);
    else if (leastUsed === undefined || session.pending < leastUsed.pending) leastUsed = session;
  }
  if (leastUsed !== undefined && isOwed(leastUsed, holdings, now)) sessions.retire(leastUsed);
}

/**
 * Whether a session that this pool uses has to be closed for another pool. There are two cases: this pool
 * would still hold at least as many as the other one, or the session is this pool's only one, the other pool
 * has none, and TURN_MS is over. One session is closed at a time.
 */
export function isOwed(session: Connection, { sessions, budget, opener }: Holdings, now: number): boolean {
  const { poorestWaiting } = budget;
  if (poorestWaiting === undefined || sessions.find(({ use }) => use === 'retired')) return false;
  const { held } = opener;
  if (held > poorestWaiting + 1) return now - session.openedAt > MIN_USE_MS;
  return held === 1 && poorestWaiting === 0 && now - session.openedAt > TURN_MS;
}
