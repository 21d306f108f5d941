// How many streams of a connection may still be reset. Servers close a connection with too many resets (the
// attack of CVE-2023-44487 consists of them): Node.js those with more than 1,000 at once and 33 per second
// after it. A client that cancels calls, as hedging and short deadlines do, moves to a new connection before.

const MOST_AT_ONCE = 900;
const PER_SECOND = 30;

export class ResetBudget {
  #left = MOST_AT_ONCE;
  #at: number | undefined;

  get left(): number {
    return this.#left;
  }

  /** @param now in milliseconds */
  spend(now: number): void {
    const earned = ((now - (this.#at ?? now)) / 1000) * PER_SECOND;
    this.#at = now;
    this.#left = Math.min(MOST_AT_ONCE, this.#left + earned) - 1;
  }
}
