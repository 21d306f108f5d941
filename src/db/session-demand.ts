// How many sessions a pool has to open for the callers that wait: one for each transaction, and for
// statements the first at once, more only if the wait lasts or is going to last.
import type { ConnectionQueue, Wish } from './connection-queue.js';
import { LONG_WAIT_MS, sessionsNeeded } from './pipelining.js';
import type { Sessions } from './sessions.js';

/** Sessions for reads can change no data; without them reads use the sessions for writes. */
export type SessionKind = 'read' | 'write';

export class SessionDemand {
  readonly #queue: ConnectionQueue;
  readonly #sessions: Sessions;
  readonly #hasReadSessions: boolean;

  constructor(queue: ConnectionQueue, sessions: Sessions, hasReadSessions: boolean) {
    this.#queue = queue;
    this.#sessions = sessions;
    this.#hasReadSessions = hasReadSessions;
  }

  /** The kind of session that serves a wish. */
  kindFor(wish: Wish): SessionKind {
    return wish === 'read' && this.#hasReadSessions ? 'read' : 'write';
  }

  /** Number of sessions of this kind that should be being opened now. */
  of(kind: SessionKind, now: number): number {
    if (kind === 'read') return this.#toShare('read', now);
    const forReads = this.#hasReadSessions ? 0 : this.#toShare('read', now);
    return this.#queue.waiting('exclusive') + this.#toShare('write', now) + forReads;
  }

  /** Number of sessions for the callers that wait to share one. */
  #toShare(wish: 'read' | 'write', now: number): number {
    const waiting = this.#queue.waiting(wish);
    if (waiting === 0) return 0;
    const readOnly = wish === 'read' && this.#hasReadSessions;
    const leastMs = this.#sessions.leastOwedMs(readOnly);
    if (leastMs === Infinity) return 1;
    const waitMs = Math.max(leastMs, this.#queue.waitedMs(wish, now));
    return waitMs < LONG_WAIT_MS ? 0 : sessionsNeeded(waiting, this.#queue.owedMs(wish));
  }
}
