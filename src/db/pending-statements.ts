// The statements of one session that were sent and have no response yet. They are kept in the order in which
// they were sent, in which the server also responds.
import type pg from 'pg';
import { ReplyOverdueError } from './database-errors.js';
import { mayPipeline } from './pipelining.js';
import type { StatementCost } from './statement-cost.js';

/** Time without any response beyond the limit that the server itself enforces on a statement. */
const WATCHDOG_MS = 2_000;

export interface PendingStatement {
  readonly cost: StatementCost | undefined;
  /** Time that the statement was expected to take when it was sent, in milliseconds. */
  readonly expectedMs: number;
  readonly limitMs: number;
  readonly deadlineAt: number;
  /** Settles the promise of the caller; a second call does nothing. */
  readonly settle: (error: Error | undefined, result: pg.QueryResult | undefined) => void;
}

export class PendingStatements {
  readonly #all = new Set<PendingStatement>();
  /** When the server began to work on the first statement. */
  #startedAt = 0;
  #owedMs = 0;
  #idleSince = performance.now();
  /** Time for which this thread has seen no response although one is owed. */
  #silentMs = 0;

  get size(): number {
    return this.#all.size;
  }

  /** The statement that the server works on; undefined when there is none. */
  get first(): PendingStatement | undefined {
    const [first] = this.#all;
    return first;
  }

  /** Time that all of them are expected to take, in milliseconds. */
  get owedMs(): number {
    return this.#owedMs;
  }

  /** When the last statement was completed, or the session was opened. */
  get idleSince(): number {
    return this.#idleSince;
  }

  /** Whether one more statement may be sent behind these. */
  hasRoom(now: number): boolean {
    return mayPipeline(this.#all.size, this.#owedMs, now - this.#startedAt);
  }

  add(statement: PendingStatement): void {
    if (this.#all.size === 0) this.#startedAt = performance.now();
    this.#owedMs += statement.expectedMs;
    this.#all.add(statement);
  }

  /**
   * Removes a statement whose response has come, and learns how long it took.
   * @param isBroken the session is broken, so the time says nothing about the statement
   * @returns false when the statement was removed before
   */
  complete(statement: PendingStatement, isBroken: boolean): boolean {
    if (!this.#all.delete(statement)) return false;
    const now = performance.now();
    this.#silentMs = 0;
    if (!isBroken) statement.cost?.learn(now - this.#startedAt);
    this.#startedAt = now;
    this.#owedMs -= statement.expectedMs;
    if (this.#all.size === 0) {
      this.#idleSince = now;
      this.#owedMs = 0; // removes what rounding has left
    }
    return true;
  }

  /** Whether there are statements and no caller waits for any of them. */
  isAbandoned(now: number): boolean {
    for (const { deadlineAt } of this.#all) if (now < deadlineAt) return false;
    return this.#all.size > 0;
  }

  /**
   * Rejects statements whose deadline has passed. Called every few milliseconds.
   * @param watchedMs time for which this thread has watched the session since the last call. It is judged by
   *   the next call: between the two the loop has read what had arrived
   * @returns false when the server has been silent for too long
   */
  sweep(now: number, watchedMs: number): boolean {
    const { first } = this;
    if (first === undefined) return true;
    if (this.#silentMs > first.limitMs + WATCHDOG_MS) return false;
    this.#silentMs += watchedMs;
    for (const statement of this.#all) {
      if (now >= statement.deadlineAt) statement.settle(new ReplyOverdueError('deadline passed'), undefined);
    }
    return true;
  }
}
