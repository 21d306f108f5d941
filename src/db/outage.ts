// What is known of a server that could not be reached: how long, and when to look again. A restart is waited
// for; in a longer outage callers are told at once instead of piling up until their deadlines.

const BACKOFF_MS = { first: 25, most: 1_000 };
const PATIENCE_MS = 2_000;

/** An attempt to connect that has failed. */
export interface FailedAttempt {
  readonly cause: unknown;
  /** When it began. */
  readonly askedAt: number;
  /** Whether another session lives. */
  readonly hasSession: boolean;
  /** 0 to 1: jitter, so that workers do not come back as one. */
  readonly random: number;
}

export class Outage {
  readonly cause: unknown;
  /** Attempts in a row that have failed. */
  readonly failures: number;
  readonly #since: number;
  readonly #confirmedAt: number;
  readonly #retryAt: number;

  private constructor({ cause, random }: FailedAttempt, since: number, failures: number, now: number) {
    const backoff = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (failures - 1));
    this.cause = cause;
    this.failures = failures;
    this.#since = since;
    this.#confirmedAt = now;
    this.#retryAt = now + backoff * (0.5 + random / 2);
  }

  /**
   * After one more failed attempt. The outage begins when no session lives any more: as long as one does, the
   * server is there. When no attempt was made for longer than callers are patient, this failure begins
   * another outage: the server may have been well meanwhile. So it does behind a pause of the process.
   */
  static after(before: Outage | undefined, attempt: FailedAttempt, now: number): Outage {
    if (before === undefined || !before.#goesOnAt(attempt.askedAt)) return new Outage(attempt, now, 1, now);
    return new Outage(attempt, attempt.hasSession ? now : before.#since, before.failures + 1, now);
  }

  mayRetry(now: number): boolean {
    return now >= this.#retryAt;
  }

  /** Too long for anybody to wait. */
  isLong(now: number): boolean {
    return now - this.#since > PATIENCE_MS;
  }

  /**
   * Nobody waits now: it is long, and either it is too early to try again or an attempt is under way.
   * @param askedAt when that began; undefined: none
   */
  isHopeless(now: number, askedAt: number | undefined): boolean {
    if (!this.isLong(now)) return false;
    return askedAt === undefined ? !this.mayRetry(now) : this.#goesOnAt(askedAt);
  }

  #goesOnAt(askedAt: number): boolean {
    return askedAt - this.#confirmedAt <= PATIENCE_MS;
  }
}
