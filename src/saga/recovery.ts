// Keeps what runs here and takes over what others left: one loop in every worker that renews the leases of its
// sagas, then claims unfinished ones whose lease has run out. The database decides who gets what.
import type { Logger } from 'pino';
import { fullJitter } from './backoff.js';
import { type ClaimOthers, type DefinitionKey, type Journal, UNCLAIMED_MS } from './journal.js';
import type { Orchestrator } from './orchestrator.js';

/** One round a second and a half at most, spread so that workers do not ask in step. */
const ROUND_MS = { least: 1000, jitter: 500 };
const CLAIM_AT_ONCE = 64;
/** Claimed sagas that one worker runs at a time; the rest stays for others, or for later. */
const CLAIMED_AT_MOST = 256;
const FAILED_ROUND_MOST_MS = 5000;
const WATCH_EVERY_MS = 250;
const VOUCH_EVERY_MS = 60_000;

export interface RecoverySetting {
  readonly log: Logger;
  readonly plans: readonly DefinitionKey[];
  readonly clock: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class Recovery {
  readonly #journal: Journal;
  readonly #orchestrator: Orchestrator;
  readonly #setting: RecoverySetting;
  readonly #end = new AbortController();
  #claiming = true;
  #loop: Promise<void> | undefined;
  /** On `clock`: since when no round has failed. */
  #answersSince: number | undefined;
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
    this.#watch ??= setInterval(() => this.#orchestrator.loseOverdue(), WATCH_EVERY_MS).unref();
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
    const { log, random, sleep } = this.#setting;
    let failures = 0;
    while (!this.#end.signal.aborted) {
      let pauseMs = ROUND_MS.least + random() * ROUND_MS.jitter;
      try {
        await this.#round();
        if (failures > 0) log.info('saga recovery: the journal answers again');
        failures = 0;
      } catch (error) {
        failures++;
        this.#answersSince = undefined;
        pauseMs += fullJitter(ROUND_MS.least, failures, FAILED_ROUND_MOST_MS - pauseMs, random);
        log[failures === 1 ? 'warn' : 'debug']({ err: error, failures }, 'saga recovery: the journal fails');
      }
      await sleep(pauseMs, this.#end.signal);
    }
  }

  async #round(): Promise<void> {
    await this.#renew();
    while (this.#claiming) {
      const room = Math.min(CLAIM_AT_ONCE, CLAIMED_AT_MOST - this.#orchestrator.claimed);
      if (room <= 0) return this.#vouch();
      const asked = this.#setting.clock();
      const claims = await this.#journal.claim(room, this.#setting.plans, this.#others());
      if (claims.length > 0) this.#setting.log.info({ sagas: claims.length }, 'saga recovery: claimed');
      for (const claim of claims) this.#orchestrator.launch(claim, 'claimed', asked);
      if (claims.length < room) return;
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

  /** Others have had their time only when the journal has answered all the while. */
  #others(): ClaimOthers {
    const { clock } = this.#setting;
    this.#answersSince ??= clock();
    return clock() - this.#answersSince >= UNCLAIMED_MS ? 'unclaimed' : 'none';
  }

  async #vouch(): Promise<void> {
    const now = this.#setting.clock();
    if (now < this.#vouchAt) return;
    await this.#journal.vouch(this.#setting.plans);
    this.#vouchAt = now + VOUCH_EVERY_MS;
  }
}
