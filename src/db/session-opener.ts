// Opens the sessions of a pool. Each is paid for out of the budget, and what the server does is remembered:
// it may grant no more connections, or not be reachable at all. While either lasts, one attempt is made at a
// time.
import type { ConnectionBudget } from './budget.js';
import { Connection, type ConnectionEvents, type ConnectionOptions } from './connection.js';
import { databaseBusy } from './database-errors.js';
import { isConnectionLimitReached } from './error-mapping.js';
import { Outage } from './outage.js';
import type { SessionKind } from './session-demand.js';
import type { Sessions } from './sessions.js';

const CONNECT_TIMEOUT_MS = 5_000;
/** Time for which a refusal of the server is remembered; while others follow, it is logged once. */
const REFUSED_FOR_MS = 2_000;

/**
 * What became of the wish for one more session. `opened`: it is being opened. `no room`: the budget is spent,
 * or the server grants no more. `not now`: the server was just found unreachable, or the pool closes.
 */
export type OpenResult = 'opened' | 'no room' | 'not now';

export interface SessionOpenerOptions {
  readonly connection: Omit<ConnectionOptions, 'readOnly' | 'connectTimeoutMs' | 'abort'>;
  readonly budget: ConnectionBudget;
  readonly log: { warn(details: object, message: string): void };
  readonly random: () => number;
  /** Runs a function outside the scope of the request that happens to open a session. */
  readonly outside: <T>(fn: () => T) => T;
}

export interface SessionOpenerEvents extends ConnectionEvents {
  /** The server has been unreachable for longer than callers wait. */
  unreachable(cause: unknown): void;
  /** An attempt has ended, with a session or without. */
  attempted(opened: Connection | undefined): void;
}

export class SessionOpener {
  /** Attempts under way. */
  readonly opening: Record<SessionKind, number> = { read: 0, write: 0 };
  readonly #options: SessionOpenerOptions;
  readonly #sessions: Sessions;
  readonly #events: SessionOpenerEvents;
  /** By which the attempts under way can be aborted. */
  readonly #attempts = new Set<AbortController>();
  #isClosed = false;
  /** When the last attempt began. */
  #startedAt = 0;
  /** Undefined while the server can be reached, as far as is known. */
  #outage: Outage | undefined;
  /** The last time that the server granted no more connections. */
  #refusal: { readonly cause: unknown; readonly at: number } | undefined;

  constructor(options: SessionOpenerOptions, sessions: Sessions, events: SessionOpenerEvents) {
    this.#options = options;
    this.#sessions = sessions;
    this.#events = events;
  }

  /** Connections that the pool has taken out of the budget: open ones and those that are being opened. */
  get held(): number {
    return this.#sessions.size + this.opening.read + this.opening.write;
  }

  get #isOpening(): boolean {
    return this.opening.read + this.opening.write > 0;
  }

  /** Begins to open a session, if that is possible now. */
  open(kind: SessionKind): OpenResult {
    if (this.#outage !== undefined) {
      if (this.#isOpening || !this.#outage.mayRetry(performance.now())) return 'not now';
    }
    if (this.#isOpening && this.#wasRefused(performance.now())) return 'no room';
    if (!this.#options.budget.tryAcquire()) return 'no room';
    this.opening[kind]++;
    void this.#options.outside(() => this.#connect(kind));
    return 'opened';
  }

  /** Aborts the attempts under way: nothing needs their sessions any more, and a silent server takes long. */
  close(): void {
    this.#isClosed = true;
    for (const attempt of this.#attempts) attempt.abort();
  }

  async #connect(kind: SessionKind): Promise<void> {
    const attempt = new AbortController();
    this.#attempts.add(attempt);
    const startedAt = performance.now();
    this.#startedAt = startedAt;
    let opened: Connection | undefined;
    try {
      opened = await Connection.open(
        {
          ...this.#options.connection,
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
          readOnly: kind === 'read',
          abort: attempt.signal,
        },
        this.#events,
      );
      this.#outage = undefined;
      this.#sessions.add(opened);
    } catch (error) {
      if (this.#isClosed) this.#options.budget.release();
      else if (isConnectionLimitReached(error)) this.#refused(error);
      else this.#unreachable(error, startedAt);
    } finally {
      this.opening[kind]--;
      this.#attempts.delete(attempt);
    }
    this.#events.attempted(opened);
  }

  /** The server is there, so callers go on waiting for the sessions that this pool and others have. */
  #refused(cause: unknown): void {
    const now = performance.now();
    this.#options.budget.refused();
    this.#outage = undefined;
    if (!this.#wasRefused(now)) {
      this.#options.log.warn(
        { err: cause },
        'the database server grants no more connections; sharing those there are',
      );
    }
    this.#refusal = { cause, at: now };
  }

  #wasRefused(now: number): boolean {
    return this.#refusal !== undefined && now - this.#refusal.at < REFUSED_FOR_MS;
  }

  #unreachable(cause: unknown, startedAt: number): void {
    const now = performance.now();
    this.#options.budget.release();
    const attempt = {
      cause,
      startedAt,
      hasSession: this.#sessions.isAnyAlive,
      random: this.#options.random(),
    };
    this.#outage = Outage.after(this.#outage, attempt, now);
    if (this.#outage.failures === 1) {
      this.#options.log.warn({ err: cause }, 'the database cannot be reached; trying again');
    }
    if (this.#outage.isLong(now)) this.#events.unreachable(cause);
  }

  /**
   * The error for a caller that is to be rejected at once, because the server has been unreachable for long.
   */
  hopelessOutage(now: number): Error | undefined {
    const outage = this.#outage;
    if (outage?.isHopeless(now, this.#isOpening ? this.#startedAt : undefined) !== true) return undefined;
    return databaseBusy('unreachable', outage.cause);
  }

  /** The error for a caller that has waited in vain, if the server is the reason. */
  serverFault(now: number): Error | undefined {
    if (this.#outage !== undefined && !this.#sessions.isAnyAlive)
      return databaseBusy('unreachable', this.#outage.cause);
    const refusal = this.#outage ?? (this.#wasRefused(now) ? this.#refusal : undefined);
    return refusal === undefined ? undefined : databaseBusy('ungranted', refusal.cause);
  }
}
