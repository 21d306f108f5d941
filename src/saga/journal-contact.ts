// The contact of one worker with the journal: whether replies and rounds come in time, and what its clock
// shows.
import type { Logger } from 'pino';
import type { Journal } from './journal.js';
import { JournalClock } from './journal-clock.js';
import { LEASE_MS } from './saga-lease.js';

/**
 * A round that is this late, or a reply that takes this long, means that leases of other workers may have
 * expired as well.
 */
export const PAUSED_MS = LEASE_MS / 2;

export interface JournalContactDeps {
  readonly log: Logger;
  readonly now: () => number;
  readonly clock: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class JournalContact {
  readonly clock = new JournalClock();
  /** True when a round has failed or was late, or a reply took long; the claim loop resets it. */
  isDisturbed = false;
  /** How often the clock of the journal was set, as far as this worker has seen. */
  timesSet = 0;
  readonly #journal: Journal;
  readonly #deps: JournalContactDeps;

  constructor(journal: Journal, deps: JournalContactDeps) {
    this.#journal = journal;
    this.#deps = deps;
  }

  /** Records that the journal did not reply. */
  markFailed(): void {
    this.clock.markUnanswered();
    this.isDisturbed = true;
  }

  /** Waits for a reply of the journal. One that comes late counts as a pause. */
  async query<T>(reply: Promise<T>): Promise<T> {
    const { clock } = this.#deps;
    const requestedAt = clock();
    const result = await reply;
    this.isDisturbed ||= clock() - requestedAt > PAUSED_MS;
    return result;
  }

  async readClock(): Promise<void> {
    const { clock, log } = this.#deps;
    const requestedAt = clock();
    const time = await this.query(this.#journal.time());
    if (!this.clock.read(requestedAt, time, clock())) return;
    this.timesSet++;
    log.warn(
      'saga recovery: the clock of the database was set; sagas of lost workers continue a little later',
    );
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, now, sleep } = this.#deps;
    const [begun, begunWall] = [clock(), now()];
    await sleep(ms, signal);
    // While a host is suspended its monotonic clock does not advance; only its wall clock shows the time.
    this.isDisturbed ||= Math.max(clock() - begun, now() - begunWall) - ms > PAUSED_MS;
  }
}
