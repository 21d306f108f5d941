// The account of a run: every request with its verdict, and how long nobody got an answer.
import { type Attempt, type Blast, type Verdict, verdictOf } from './verdict.js';

export class Account {
  requests = 0;
  longestGapMs = 0;
  readonly verdicts = new Map<string, number>();
  /** One line for each. */
  readonly unexplained: string[] = [];
  readonly #blasts: Blast[] = [];
  readonly #began = performance.now();
  #answeredAt = performance.now();

  /** A request on this thread is about to stall it behind an await. Whoever opens a blast ends it. */
  blast(thread: number): Blast {
    const blast = { thread, from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#blasts.push(blast);
    return blast;
  }

  /** @param what for a line about it */
  judge(what: string, attempt: Attempt): Verdict {
    const verdict = verdictOf(attempt, this.#blasts);
    if (verdict === 'unexplained') this.fail(what, attempt);
    else this.count(verdict);
    if (verdict === 'answered') this.#close(attempt.endedAt);
    return verdict;
  }

  /** A request that had the end it was meant to have, or another that is explained. */
  count(verdict: string): void {
    this.requests += 1;
    this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1);
  }

  fail(what: string, { sentAt, endedAt, status, code, idleMs, thread }: Attempt): void {
    this.requests += 1;
    const at = ((sentAt - this.#began) / 1000).toFixed(2);
    const took = Math.round(endedAt - sentAt);
    this.unexplained.push(
      `${at} s ${what}: ${status} ${code ?? ''} after ${took} ms, thread ${thread ?? '?'}, idle ${Math.round(idleMs)} ms`,
    );
  }

  /** The end of the run ends the last gap. */
  end(): void {
    this.#close(performance.now());
  }

  #close(now: number): void {
    this.longestGapMs = Math.max(this.longestGapMs, now - this.#answeredAt);
    this.#answeredAt = now;
  }
}
