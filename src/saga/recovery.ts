// Keeps the sagas that run here and takes over those that other workers left. In every worker one loop renews
// the leases of its sagas and another claims unfinished ones; neither waits for the other.
import type { Logger } from 'pino';
import { fullJitterMs } from '../resilience/full-jitter.js';
import { ClaimLoop } from './claim-loop.js';
import type { DefinitionKey, Journal } from './journal.js';
import { JournalContact } from './journal-contact.js';
import type { Orchestrator } from './orchestrator.js';

/** The pause between two rounds: 1 to 1.5 s, spread so that workers do not query in step. */
const ROUND_MS = { least: 1000, jitter: 500 };
const MAX_FAILED_ROUND_MS = 5000;
const WATCH_EVERY_MS = 250;

export interface RecoveryDeps {
  readonly log: Logger;
  readonly plans: readonly DefinitionKey[];
  readonly now: () => number;
  readonly clock: () => number;
  readonly random: () => number;
  /** True once a failure of code in this worker has made it stop: then it takes over nothing. */
  readonly hasFailed: () => boolean;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class Recovery {
  readonly #journal: Journal;
  readonly #orchestrator: Orchestrator;
  readonly #deps: RecoveryDeps;
  readonly #contact: JournalContact;
  readonly #claims: ClaimLoop;
  readonly #end = new AbortController();
  #loops: Promise<unknown> | undefined;
  /** When the leases were last known to be renewed, on `clock`. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** Looks for leases that are about to expire, also while a loop waits for a journal that does not reply. */
  #watch: NodeJS.Timeout | undefined;

  constructor(journal: Journal, orchestrator: Orchestrator, deps: RecoveryDeps) {
    this.#journal = journal;
    this.#orchestrator = orchestrator;
    this.#deps = deps;
    this.#contact = new JournalContact(journal, deps);
    const { log, plans, clock, hasFailed } = deps;
    this.#claims = new ClaimLoop(journal, orchestrator, this.#contact, {
      ...{ log, plans, clock, hasFailed },
      graceMs: MAX_FAILED_ROUND_MS,
      renewedAt: () => this.#renewedAt,
    });
  }

  /** The first rounds begin at once. */
  start(): void {
    this.#loops ??= Promise.all([
      this.#repeat('renewal', () => this.#renew()),
      this.#repeat('claim', () => this.#claims.round()),
    ]);
    this.#watch ??= setInterval(() => this.#orchestrator.interruptOverdue(), WATCH_EVERY_MS).unref();
  }

  /** Ends the claims; leases are still renewed. */
  stopClaiming(): void {
    this.#claims.close();
  }

  async stop(): Promise<void> {
    this.stopClaiming();
    this.#end.abort();
    await this.#loops;
    clearInterval(this.#watch);
  }

  /** @param round resolves true when the journal has replied, false when it was not queried */
  async #repeat(kind: 'renewal' | 'claim', round: () => Promise<boolean>): Promise<void> {
    const { log, random } = this.#deps;
    let failures = 0;
    while (!this.#end.signal.aborted) {
      let pauseMs = ROUND_MS.least + random() * ROUND_MS.jitter;
      try {
        const hasReplied = await round();
        if (hasReplied && failures > 0) log.info({ kind }, 'saga recovery: the journal replies again');
        if (hasReplied) failures = 0;
      } catch (error) {
        failures++;
        this.#contact.markFailed();
        const bounds = { baseMs: ROUND_MS.least, maxMs: MAX_FAILED_ROUND_MS - pauseMs };
        pauseMs += fullJitterMs(failures, bounds, random);
        log[failures === 1 ? 'warn' : 'debug'](
          { err: error, kind, failures },
          'saga recovery: the journal failed; trying again',
        );
      }
      await this.#contact.sleep(pauseMs, this.#end.signal);
    }
  }

  async #renew(): Promise<boolean> {
    // The clock is read beside the renewal, where no claim delays it, and not after it: between readings that
    // are far apart the clock may have been set back and forth, and a slow journal would keep them apart.
    await Promise.all([this.#renewLeases(), this.#contact.readClock()]);
    return true;
  }

  async #renewLeases(): Promise<void> {
    const holds = this.#orchestrator.holds();
    const requestedAt = this.#deps.clock();
    if (holds.length > 0) {
      const { renewed, lost } = await this.#contact.query(this.#journal.renew(holds));
      for (const hold of renewed) this.#orchestrator.leaseRenewed(hold, requestedAt);
      for (const hold of lost) this.#orchestrator.leaseLost(hold);
    }
    this.#renewedAt = requestedAt;
  }
}
