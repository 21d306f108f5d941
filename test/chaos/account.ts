// The account of a run: every request with its verdict, and the longest time without any response.
import { type Attempt, type Blast, type Verdict, verdictOf } from './verdict.js';

export class Account {
  requests = 0;
  longestGapMs = 0;
  readonly verdicts = new Map<string, number>();
  /** One line for each broken promise. */
  readonly unexplained: string[] = [];
  readonly #blasts: Blast[] = [];
  readonly #began = performance.now();
  #answeredAt = performance.now();

  /**
   * Opens a blast: a request is about to stall this thread in a way that affects others. The caller must end
   * the blast.
   * @param isDeadly whether the stall ends the thread
   */
  blast(thread: number, isDeadly: boolean): Blast {
    const blast = { thread, isDeadly, from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#blasts.push(blast);
    return blast;
  }

  /** @param what description of the request, for messages */
  judge(what: string, attempt: Attempt): Verdict {
    const verdict = verdictOf(attempt, this.#blasts);
    if (verdict === 'unexplained') this.fail(what, attempt);
    else this.count(verdict);
    if (verdict === 'answered') this.#close(attempt.endedAt);
    return verdict;
  }

  /** Counts a request that ended as intended, or with another explained result. */
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

  /** Ends the last gap at the end of the run. */
  end(): void {
    this.#close(performance.now());
  }

  #close(now: number): void {
    this.longestGapMs = Math.max(this.longestGapMs, now - this.#answeredAt);
    this.#answeredAt = now;
  }
}
