// Takes over unfinished sagas whose lease has expired. Several workers do so at once; the database decides
// which of them gets a saga.
import type { Logger } from 'pino';
import { type Claim, type ClaimLimits, type DefinitionKey, type Journal, UNCLAIMED_MS } from './journal.js';
import { type JournalContact, PAUSED_MS } from './journal-contact.js';
import type { Orchestrator } from './orchestrator.js';

/** The most sagas that one claim takes. A failed claim quarters the number, a successful one doubles it. */
const CLAIM_AT_ONCE = 64;
/** The most bytes of values that one claim takes. In memory the values need several times as much. */
const BYTES_AT_ONCE = 8 * 2 ** 20;
/** The most claimed sagas, and bytes of their values, in one worker; other workers claim the rest. */
const MAX_CLAIMED = { sagas: 256, bytes: 16 * 2 ** 20 };
/** How often this worker marks its definitions as known while there are more sagas than it can claim. */
const MARK_KNOWN_EVERY_MS = 60_000;
/** How often sagas that no process knows, and leases that end too far ahead, are looked for. */
const LOOK_EVERY_MS = 10_000;

export interface ClaimLoopDeps {
  readonly log: Logger;
  readonly plans: readonly DefinitionKey[];
  readonly clock: () => number;
  /** True once a failure of code in this worker has made it stop: then it takes over nothing. */
  readonly hasFailed: () => boolean;
  /** How long no claim is made after an outage: by then every worker has had a round to renew its leases. */
  readonly graceMs: number;
  /** When the leases of this worker were last known to be renewed, on `clock`. */
  readonly renewedAt: () => number;
}

export class ClaimLoop {
  readonly #journal: Journal;
  readonly #orchestrator: Orchestrator;
  readonly #contact: JournalContact;
  readonly #deps: ClaimLoopDeps;
  #isOpen = true;
  #isInGrace = false;
  /** When this worker may claim again, on `clock`. */
  #claimsFrom = Number.NEGATIVE_INFINITY;
  #atOnce = CLAIM_AT_ONCE;
  #nextLookAt = Number.NEGATIVE_INFINITY;
  #nextRedateAt = Number.NEGATIVE_INFINITY;
  /** The value of `timesSet` of the contact when leases were last restarted. */
  #timesSetAtRedate = 0;
  #nextMarkKnownAt = Number.NEGATIVE_INFINITY;

  constructor(journal: Journal, orchestrator: Orchestrator, contact: JournalContact, deps: ClaimLoopDeps) {
    this.#journal = journal;
    this.#orchestrator = orchestrator;
    this.#contact = contact;
    this.#deps = deps;
  }

  /** Nothing is claimed any more. */
  close(): void {
    this.#isOpen = false;
  }

  /** @returns true when the journal has replied, false when it was not queried */
  async round(): Promise<boolean> {
    if (!this.#mayTakeOver) return false;
    // The grace time begins when the journal replies again, so this worker waits for a reply first.
    const isQueried = this.#contact.isDisturbed || !this.#contact.clock.isRead;
    if (isQueried) await this.#contact.readClock();
    if (!this.#mayClaim()) return isQueried;
    await this.#redate();
    const others = this.#looksForUnclaimed() ? 'unclaimed' : 'none';
    let [claimed, isFull] = [0, false];
    while (this.#mayTakeOver && this.#mayClaim()) {
      const requestedAt = this.#deps.clock();
      const limits = this.#limits(requestedAt);
      isFull = limits.sagas <= 0;
      if (isFull) break;
      const claims = await this.#claim(limits, others);
      claimed += claims.length;
      if (claims.length > 0) this.#deps.log.info({ sagas: claims.length }, 'saga recovery: claimed');
      for (const claim of claims) this.#orchestrator.launch(claim, 'claimed', requestedAt);
      if (claims.length < limits.sagas) break;
    }
    // There may be more sagas than this worker can take now.
    if (claimed > 0 || isFull) await this.#markKnown();
    return true;
  }

  get #mayTakeOver(): boolean {
    return this.#isOpen && !this.#deps.hasFailed();
  }

  /**
   * False for a while after an outage or a pause: other workers have leases to renew, as this one had, and
   * claiming at once would take sagas from live runners. The wait is not extended when disturbances follow
   * each other, since some worker has to claim.
   */
  #mayClaim(): boolean {
    const now = this.#deps.clock();
    if (this.#contact.isDisturbed && !this.#isInGrace) {
      this.#isInGrace = true;
      this.#claimsFrom = now + this.#deps.graceMs;
    }
    this.#contact.isDisturbed = false;
    // Otherwise this worker could claim the sagas that it runs itself, when their leases have expired.
    if (now < this.#claimsFrom || now - this.#deps.renewedAt() > PAUSED_MS) return false;
    this.#isInGrace = false;
    return true;
  }

  /**
   * True when every live runner has renewed by the clock as it is now. Before that, an expired lease does not
   * mean that its runner is lost.
   */
  get #isClockSteady(): boolean {
    return this.#contact.clock.steadyMs(this.#deps.clock()) >= this.#deps.graceMs;
  }

  #limits(requestedAt: number): ClaimLimits {
    const { sagas, bytes } = this.#orchestrator.claimedLoad;
    const time = this.#contact.clock.earliestTime(requestedAt);
    return {
      sagas: Math.min(this.#atOnce, MAX_CLAIMED.sagas - sagas),
      bytes: Math.min(BYTES_AT_ONCE, MAX_CLAIMED.bytes - bytes),
      until: time + PAUSED_MS,
      lapsedAt: this.#isClockSteady ? time : undefined,
    };
  }

  async #claim(limits: ClaimLimits, others: 'none' | 'unclaimed'): Promise<readonly Claim[]> {
    let hasFailed = true;
    try {
      const claims = await this.#contact.query(this.#journal.claim(limits, this.#deps.plans, others));
      hasFailed = false;
      return claims;
    } finally {
      this.#atOnce = hasFailed ? Math.max(1, this.#atOnce >> 2) : Math.min(CLAIM_AT_ONCE, this.#atOnce * 2);
    }
  }

  /** Restarts leases that end too far ahead: they were written before the clock was set back. */
  async #redate(): Promise<void> {
    const { clock } = this.#deps;
    const { timesSet } = this.#contact;
    const isDue = clock() >= this.#nextRedateAt || timesSet > this.#timesSetAtRedate;
    if (!this.#isClockSteady || !isDue) return;
    this.#timesSetAtRedate = timesSet;
    this.#nextRedateAt = clock() + LOOK_EVERY_MS;
    while (
      this.#mayTakeOver &&
      (await this.#contact.query(this.#journal.redate(this.#contact.clock.earliestTime(clock()))))
    );
  }

  /**
   * True when sagas of unknown definitions are due to be looked for. Other processes have had the time to
   * claim theirs only if the journal has replied all the while, and if neither this process nor a host was
   * suspended: a process that knows the saga may have been suspended as well. A clock that jumps shows that.
   */
  #looksForUnclaimed(): boolean {
    const now = this.#deps.clock();
    if (now < this.#nextLookAt) return false;
    this.#nextLookAt = now + LOOK_EVERY_MS;
    return this.#contact.clock.calmMs(now) >= UNCLAIMED_MS;
  }

  async #markKnown(): Promise<void> {
    const now = this.#deps.clock();
    if (now < this.#nextMarkKnownAt) return;
    await this.#contact.query(this.#journal.markKnown(this.#deps.plans));
    this.#nextMarkKnownAt = now + MARK_KNOWN_EVERY_MS;
  }
}
