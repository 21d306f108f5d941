// What is known of a server that cannot be reached: for how long, and when to try again. Callers wait for a
// server that restarts. In a longer outage they are rejected at once, instead of piling up until their
// deadlines.

const BACKOFF_MS = { first: 25, most: 1_000 };
/** Length of an outage for which callers wait. */
const PATIENCE_MS = 2_000;

/** An attempt to connect that has failed. */
export interface FailedAttempt {
  readonly cause: unknown;
  /** When the attempt began. */
  readonly startedAt: number;
  /** Whether another session of the pool lives. */
  readonly hasSession: boolean;
  /** 0 to 1: jitter, so that workers do not try again all at once. */
  readonly random: number;
}

export class Outage {
  readonly cause: unknown;
  /** Attempts in a row that have failed. */
  readonly failures: number;
  /** When the outage began. */
  readonly #since: number;
  /** When the last attempt failed. */
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
   * The outage after one more failed attempt. An outage begins when no session lives any more: as long as one
   * does, the server is there. If no attempt was made for longer than callers are patient, this failure
   * begins another outage, because the server may have been well meanwhile; so it does after a pause of the
   * process.
   */
  static after(before: Outage | undefined, attempt: FailedAttempt, now: number): Outage {
    if (before === undefined || !before.#includes(attempt.startedAt)) return new Outage(attempt, now, 1, now);
    return new Outage(attempt, attempt.hasSession ? now : before.#since, before.failures + 1, now);
  }

  /** Whether it is time for another attempt. */
  mayRetry(now: number): boolean {
    return now >= this.#retryAt;
  }

  /** Whether the outage has lasted longer than callers wait. */
  isLong(now: number): boolean {
    return now - this.#since > PATIENCE_MS;
  }

  /**
   * Whether a caller that comes now is to be rejected at once: the outage is long, and either it is too early
   * for another attempt or one is under way.
   * @param attemptAt when the attempt under way began; undefined: there is none
   */
  isHopeless(now: number, attemptAt: number | undefined): boolean {
    if (!this.isLong(now)) return false;
    return attemptAt === undefined ? !this.mayRetry(now) : this.#includes(attemptAt);
  }

  /** Whether an attempt that began at this time belongs to this outage. */
  #includes(attemptAt: number): boolean {
    return attemptAt - this.#confirmedAt <= PATIENCE_MS;
  }
}
