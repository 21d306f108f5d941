// What is known of a server that could not be reached: how long, and when to look again. A restart is waited
// for; in a longer outage callers are told at once instead of piling up until their deadlines.

const BACKOFF_MS = { first: 25, most: 1_000 };
const PATIENCE_MS = 2_000;

export class Outage {
  readonly cause: unknown;
  readonly #since: number;
  readonly #failures: number;
  readonly #retryAt: number;

  private constructor(cause: unknown, since: number, failures: number, retryAt: number) {
    this.cause = cause;
    this.#since = since;
    this.#failures = failures;
    this.#retryAt = retryAt;
  }

  /**
   * After one more failed attempt. The outage begins when no session lives any more: as long as one does, the
   * server is there. @param random 0 to 1: jitter, so that workers do not come back as one
   */
  static after(
    before: Outage | undefined,
    cause: unknown,
    now: number,
    { hasSession, random }: { readonly hasSession: boolean; readonly random: number },
  ): Outage {
    const failures = (before?.failures ?? 0) + 1;
    const backoff = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (failures - 1));
    return new Outage(
      cause,
      before === undefined || hasSession ? now : before.#since,
      failures,
      now + backoff * (0.5 + random / 2),
    );
  }

  get failures(): number {
    return this.#failures;
  }

  mayRetry(now: number): boolean {
    return now >= this.#retryAt;
  }

  /** Too long for anybody to wait. */
  isLong(now: number): boolean {
    return now - this.#since > PATIENCE_MS;
  }
}
