// Keeps what runs here and takes over what others left: in every worker one loop renews the leases of its
// sagas, and one claims unfinished ones whose lease has run out. Neither waits for the other. The database
// decides who gets what.
import type { Logger } from 'pino';
import { type Claim, type ClaimBound, type DefinitionKey, type Journal, UNCLAIMED_MS } from './journal.js';
import { JournalClock } from './journal-clock.js';
import type { Orchestrator } from './orchestrator.js';
import { LEASE_MS } from './runner.js';
import { fullJitter } from './step-pauses.js';

/** One round a second and a half at most, spread so that workers do not ask in step. */
const ROUND_MS = { least: 1000, jitter: 500 };
/** Fewer behind a claim that has failed: it brings none. */
const CLAIM_AT_ONCE = 64;
/**
 * What one claim brings, and what one worker has of claimed sagas at a time; the rest stays for others, or
 * for later. Their values take several times as much memory as they have bytes.
 */
const BYTES_AT_ONCE = 8 * 2 ** 20;
const CLAIMED_AT_MOST = { sagas: 256, bytes: 16 * 2 ** 20 };
const FAILED_ROUND_MOST_MS = 5000;
const WATCH_EVERY_MS = 250;
const VOUCH_EVERY_MS = 60_000;
/**
 * A round that is so late, or a journal that takes so long: leases of others may have run out as well. A
 * claim that is held up for so long takes none.
 */
const PAUSED_MS = LEASE_MS / 2;
/** Within it every worker whose journal answers again has had a round, and has renewed what it still runs. */
const GRACE_MS = FAILED_ROUND_MOST_MS;
/** How often sagas are looked for that no process knows, and leases that lie too far ahead. */
const LOOK_EVERY_MS = 10_000;

export interface RecoverySetting {
  readonly log: Logger;
  readonly plans: readonly DefinitionKey[];
  readonly now: () => number;
  readonly clock: () => number;
  readonly random: () => number;
  /** True once something that ran in this worker has brought it down: then it takes over nothing. */
  readonly hasFailed: () => boolean;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class Recovery {
  readonly #journal: Journal;
  readonly #orchestrator: Orchestrator;
  readonly #setting: RecoverySetting;
  readonly #end = new AbortController();
  #claiming = true;
  #loops: Promise<unknown> | undefined;
  /** On `clock`: when the leases were last known to be prolonged. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  readonly #journalClock = new JournalClock();
  #lookAt = Number.NEGATIVE_INFINITY;
  #redateAt = Number.NEGATIVE_INFINITY;
  /** A round has failed or was late, or the journal has kept it waiting. */
  #isDisturbed = false;
  #isGracious = false;
  /** On `clock`. */
  #claimsFrom = Number.NEGATIVE_INFINITY;
  #atOnce = CLAIM_AT_ONCE;
  #vouchAt = Number.NEGATIVE_INFINITY;
  /** A journal that does not answer holds up the loop, and leases run out all the same. */
  #watch: NodeJS.Timeout | undefined;

  constructor(journal: Journal, orchestrator: Orchestrator, setting: RecoverySetting) {
    this.#journal = journal;
    this.#orchestrator = orchestrator;
    this.#setting = setting;
  }

  /** The first rounds begin at once. */
  start(): void {
    this.#loops ??= Promise.all([
      this.#repeat('renewal', () => this.#renew()),
      this.#repeat('claim', () => this.#round()),
    ]);
    this.#watch ??= setInterval(() => this.#orchestrator.breakOffOverdue(), WATCH_EVERY_MS).unref();
  }

  /** From now on only renews. */
  stopClaiming(): void {
    this.#claiming = false;
  }

  async stop(): Promise<void> {
    this.stopClaiming();
    this.#end.abort();
    await this.#loops;
    clearInterval(this.#watch);
  }

  /** @param work resolves true when the journal has answered, false when it was not asked */
  async #repeat(kind: 'renewal' | 'claim', work: () => Promise<boolean>): Promise<void> {
    const { log, random } = this.#setting;
    let failures = 0;
    while (!this.#end.signal.aborted) {
      let pauseMs = ROUND_MS.least + random() * ROUND_MS.jitter;
      try {
        const hasAnswered = await work();
        if (hasAnswered && failures > 0) log.info({ kind }, 'saga recovery: the journal answers again');
        if (hasAnswered) failures = 0;
      } catch (error) {
        failures++;
        this.#journalClock.lose();
        this.#isDisturbed = true;
        pauseMs += fullJitter(ROUND_MS.least, failures, FAILED_ROUND_MOST_MS - pauseMs, random);
        log[failures === 1 ? 'warn' : 'debug'](
          { err: error, kind, failures },
          'saga recovery: the journal fails',
        );
      }
      await this.#sleep(pauseMs);
    }
  }

  /** Asks the journal. An answer that comes late counts as a pause. */
  async #ask<T>(question: Promise<T>): Promise<T> {
    const { clock } = this.#setting;
    const asked = clock();
    const answer = await question;
    this.#isDisturbed ||= clock() - asked > PAUSED_MS;
    return answer;
  }

  async #sleep(ms: number): Promise<void> {
    const { clock, now, sleep } = this.#setting;
    const [begun, begunWall] = [clock(), now()];
    await sleep(ms, this.#end.signal);
    // While a host is suspended its monotonic clock stands still, and only its wall clock tells.
    this.#isDisturbed ||= Math.max(clock() - begun, now() - begunWall) - ms > PAUSED_MS;
  }

  async #round(): Promise<boolean> {
    if (!this.#mayTake) return false;
    // The time of the others begins when the journal answers again.
    const isAsked = this.#isDisturbed || !this.#journalClock.isRead;
    if (isAsked) await this.#readClock();
    if (!this.#mayClaim()) return isAsked;
    await this.#redate();
    const others = this.#looksForOthers() ? 'unclaimed' : 'none';
    let [taken, isFull] = [0, false];
    while (this.#mayTake && this.#mayClaim()) {
      const asked = this.#setting.clock();
      const most = this.#room(asked);
      isFull = most.sagas <= 0;
      if (isFull) break;
      const claims = await this.#claim(most, others);
      taken += claims.length;
      if (claims.length > 0) this.#setting.log.info({ sagas: claims.length }, 'saga recovery: claimed');
      for (const claim of claims) this.#orchestrator.launch(claim, 'claimed', asked);
      if (claims.length < most.sagas) break;
    }
    // There may be more than it comes to.
    if (taken > 0 || isFull) await this.#vouch();
    return true;
  }

  async #readClock(): Promise<void> {
    const { clock, log } = this.#setting;
    const asked = clock();
    const time = await this.#ask(this.#journal.time());
    if (!this.#journalClock.read(asked, time, clock())) return;
    this.#redateAt = Number.NEGATIVE_INFINITY;
    log.warn(
      'saga recovery: the clock of the database was set; sagas whose worker is lost go on a little later',
    );
  }

  /**
   * Within it every runner that lives has renewed by the clock as it is now. Until then a lease tells nothing
   * of its runner.
   */
  get #isSteady(): boolean {
    return this.#journalClock.steadyMs(this.#setting.clock()) >= GRACE_MS;
  }

  #room(asked: number): ClaimBound {
    const { sagas, bytes } = this.#orchestrator.claimed;
    const time = this.#journalClock.at(asked);
    return {
      sagas: Math.min(this.#atOnce, CLAIMED_AT_MOST.sagas - sagas),
      bytes: Math.min(BYTES_AT_ONCE, CLAIMED_AT_MOST.bytes - bytes),
      until: time + PAUSED_MS,
      lapsedAt: this.#isSteady ? time : undefined,
    };
  }

  get #mayTake(): boolean {
    return this.#claiming && !this.#setting.hasFailed();
  }

  async #claim(most: ClaimBound, others: 'none' | 'unclaimed'): Promise<readonly Claim[]> {
    let hasFailed = true;
    try {
      const claims = await this.#ask(this.#journal.claim(most, this.#setting.plans, others));
      hasFailed = false;
      return claims;
    } finally {
      this.#atOnce = hasFailed ? Math.max(1, this.#atOnce >> 2) : Math.min(CLAIM_AT_ONCE, this.#atOnce * 2);
    }
  }

  async #renew(): Promise<boolean> {
    // The clock is read here, where no claim holds that up, and not behind the renewal: between readings that
    // are far apart it may have been set back and forth, and a slow journal would keep them apart.
    await Promise.all([this.#prolong(), this.#readClock()]);
    return true;
  }

  async #prolong(): Promise<void> {
    const holds = this.#orchestrator.holds();
    const asked = this.#setting.clock();
    if (holds.length > 0) {
      const { renewed, lost } = await this.#ask(this.#journal.renew(holds));
      for (const hold of renewed) this.#orchestrator.prolonged(hold, asked);
      for (const hold of lost) this.#orchestrator.lose(hold);
    }
    this.#renewedAt = asked;
  }

  /**
   * Behind an outage or a pause others have leases to renew, as this worker had. Sagas that were claimed at
   * once would be taken from runners that live. Not twice in a row: somebody has to claim, whatever goes on.
   */
  #mayClaim(): boolean {
    const now = this.#setting.clock();
    if (this.#isDisturbed && !this.#isGracious) {
      this.#isGracious = true;
      this.#claimsFrom = now + GRACE_MS;
    }
    this.#isDisturbed = false;
    // Nor is what this worker runs itself to be claimed, though its leases have run out.
    if (now < this.#claimsFrom || now - this.#renewedAt > PAUSED_MS) return false;
    this.#isGracious = false;
    return true;
  }

  /** What lies too far ahead was written before the clock was set back, by this process or an earlier one. */
  async #redate(): Promise<void> {
    const { clock } = this.#setting;
    if (!this.#isSteady || clock() < this.#redateAt) return;
    this.#redateAt = clock() + LOOK_EVERY_MS;
    while (this.#mayTake && (await this.#ask(this.#journal.redate(this.#journalClock.at(clock())))));
  }

  /**
   * Others have had their time only when the journal has answered all the while, and when this process was
   * not paused, nor a host suspended: whoever knows a saga may have been paused as well. A clock that jumps
   * tells.
   */
  #looksForOthers(): boolean {
    const now = this.#setting.clock();
    if (now < this.#lookAt) return false;
    this.#lookAt = now + LOOK_EVERY_MS;
    return this.#journalClock.calmMs(now) >= UNCLAIMED_MS;
  }

  async #vouch(): Promise<void> {
    const now = this.#setting.clock();
    if (now < this.#vouchAt) return;
    await this.#ask(this.#journal.vouch(this.#setting.plans));
    this.#vouchAt = now + VOUCH_EVERY_MS;
  }
}
