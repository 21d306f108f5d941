// Keeps what runs here and takes over what others left: one loop in every worker that renews the leases of its
// sagas, then claims unfinished ones whose lease has run out. The database decides who gets what.
import type { Logger } from 'pino';
import { fullJitter } from './backoff.js';
import { type Claim, type ClaimOthers, type DefinitionKey, type Journal, UNCLAIMED_MS } from './journal.js';
import type { Orchestrator } from './orchestrator.js';
import { LEASE_MS } from './runner.js';

/** One round a second and a half at most, spread so that workers do not ask in step. */
const ROUND_MS = { least: 1000, jitter: 500 };
/**
 * Fewer where the answer takes longer than this, because the sagas are large; a claim that fails brings none.
 */
const CLAIM_AT_ONCE = 64;
const SLOW_CLAIM_MS = 500;
/** Claimed sagas that one worker runs at a time; the rest stays for others, or for later. */
const CLAIMED_AT_MOST = 256;
const FAILED_ROUND_MOST_MS = 5000;
const WATCH_EVERY_MS = 250;
const VOUCH_EVERY_MS = 60_000;
/** A round that is so late, or a journal that takes so long: leases of others may have run out as well. */
const PAUSED_MS = LEASE_MS / 2;
/** Within it every worker whose journal answers again has had a round, and has renewed what it still runs. */
const GRACE_MS = FAILED_ROUND_MOST_MS;
/** How often sagas are looked for that no process knows, and how far a clock may jump in between. */
const LOOK_EVERY_MS = 10_000;
const JUMP_MS = 60_000;

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

/** A time in which the journal has answered, and no clock has jumped. */
interface Calm {
  /** On `clock`. */
  readonly since: number;
  /** The latest look, on `clock` and on the clock of the journal. */
  readonly lookedAt: number;
  readonly journalTime: number;
}

export class Recovery {
  readonly #journal: Journal;
  readonly #orchestrator: Orchestrator;
  readonly #setting: RecoverySetting;
  readonly #end = new AbortController();
  #claiming = true;
  #loop: Promise<void> | undefined;
  /** Since when other processes have had their time; undefined when that begins anew. */
  #calm: Calm | undefined;
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

  /** The first round begins at once. */
  start(): void {
    this.#loop ??= this.#run();
    this.#watch ??= setInterval(() => this.#orchestrator.breakOffOverdue(), WATCH_EVERY_MS).unref();
  }

  /** From now on only renews. */
  stopClaiming(): void {
    this.#claiming = false;
  }

  async stop(): Promise<void> {
    this.stopClaiming();
    this.#end.abort();
    await this.#loop;
    clearInterval(this.#watch);
  }

  async #run(): Promise<void> {
    const { log, random } = this.#setting;
    let failures = 0;
    while (!this.#end.signal.aborted) {
      let pauseMs = ROUND_MS.least + random() * ROUND_MS.jitter;
      try {
        await this.#round();
        if (failures > 0) log.info('saga recovery: the journal answers again');
        failures = 0;
      } catch (error) {
        failures++;
        this.#calm = undefined;
        this.#isDisturbed = true;
        pauseMs += fullJitter(ROUND_MS.least, failures, FAILED_ROUND_MOST_MS - pauseMs, random);
        log[failures === 1 ? 'warn' : 'debug']({ err: error, failures }, 'saga recovery: the journal fails');
      }
      await this.#sleep(pauseMs);
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { clock, now, sleep } = this.#setting;
    const [begun, begunWall] = [clock(), now()];
    await sleep(ms, this.#end.signal);
    // While a host is suspended its monotonic clock stands still, and only its wall clock tells.
    this.#isDisturbed ||= Math.max(clock() - begun, now() - begunWall) - ms > PAUSED_MS;
  }

  async #round(): Promise<void> {
    const begun = this.#setting.clock();
    await this.#renew();
    this.#isDisturbed ||= this.#setting.clock() - begun > PAUSED_MS;
    if (!this.#mayTake || !this.#mayClaim()) return;
    const others = await this.#others();
    let renewedAt = this.#setting.clock();
    while (this.#mayTake) {
      const room = Math.min(this.#atOnce, CLAIMED_AT_MOST - this.#orchestrator.claimed);
      if (room <= 0) return this.#vouch();
      const asked = this.#setting.clock();
      // Sagas that end as fast as they are claimed keep the loop here for all of a backlog.
      if (asked - renewedAt >= ROUND_MS.least) {
        await this.#renew();
        renewedAt = asked;
      }
      const claims = await this.#claim(room, others);
      if (claims.length > 0) this.#setting.log.info({ sagas: claims.length }, 'saga recovery: claimed');
      for (const claim of claims) this.#orchestrator.launch(claim, 'claimed', asked);
      if (claims.length < room) return;
    }
  }

  get #mayTake(): boolean {
    return this.#claiming && !this.#setting.hasFailed();
  }

  async #claim(room: number, others: ClaimOthers): Promise<readonly Claim[]> {
    const { clock, plans } = this.#setting;
    const asked = clock();
    let isSlow = true;
    try {
      const claims = await this.#journal.claim(room, plans, others);
      isSlow = clock() - asked > SLOW_CLAIM_MS;
      return claims;
    } finally {
      this.#atOnce = isSlow ? Math.max(1, this.#atOnce >> 2) : Math.min(CLAIM_AT_ONCE, this.#atOnce * 2);
    }
  }

  async #renew(): Promise<void> {
    const holds = this.#orchestrator.holds();
    if (holds.length === 0) return;
    const asked = this.#setting.clock();
    const { renewed, lost } = await this.#journal.renew(holds);
    for (const hold of renewed) this.#orchestrator.prolonged(hold, asked);
    for (const hold of lost) this.#orchestrator.lose(hold);
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
    if (now < this.#claimsFrom) return false;
    this.#isGracious = false;
    return true;
  }

  /**
   * Others have had their time only when the journal has answered all the while, and when this process was
   * not paused, nor a host suspended: whoever knows a saga may have been paused as well. A clock that jumps
   * tells.
   */
  async #others(): Promise<ClaimOthers> {
    const now = this.#setting.clock();
    if (this.#calm !== undefined && now - this.#calm.lookedAt < LOOK_EVERY_MS) return 'none';
    const journalTime = await this.#journal.time();
    const lookedAt = this.#setting.clock();
    const calm = this.#calm;
    const passedMs = lookedAt - (calm?.lookedAt ?? lookedAt);
    const journalMs = journalTime - (calm?.journalTime ?? journalTime);
    const hasJumped = passedMs > JUMP_MS || journalMs - passedMs > JUMP_MS;
    const since = calm === undefined || hasJumped ? lookedAt : calm.since;
    this.#calm = { since, lookedAt, journalTime };
    return lookedAt - since >= UNCLAIMED_MS ? 'unclaimed' : 'none';
  }

  async #vouch(): Promise<void> {
    const now = this.#setting.clock();
    if (now < this.#vouchAt) return;
    await this.#journal.vouch(this.#setting.plans);
    this.#vouchAt = now + VOUCH_EVERY_MS;
  }
}
