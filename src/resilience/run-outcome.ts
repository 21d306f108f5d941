// Judges the end of work that a breaker ran: whether it shows a success of the callee, a failure, or nothing.
import type { Deadline } from '../deadline.js';
import { HttpError } from '../errors.js';
import { currentScope } from '../scope.js';
import type { BreakerOptions } from './breaker-options.js';
import { isEvidence } from './loop-watch.js';
import type { AttemptOutcome } from './policy.js';

export interface RunJudgeOptions {
  readonly name: string;
  /** 0: no call is too slow. */
  readonly slowCallMs: number;
  readonly judge: Pick<BreakerOptions, 'isFailure' | 'isSuccess'>;
}

/**
 * The time for which this thread was stalled since the work began to wait, in milliseconds (loop-watch.ts).
 */
export interface Missed {
  missedMs(): number;
}

/** Judges the outcomes of one breaker. */
export class RunJudge {
  readonly #name: string;
  readonly #slowCallMs: number;
  readonly #judge: RunJudgeOptions['judge'];
  #hasWarned = false;

  constructor({ name, slowCallMs, judge }: RunJudgeOptions) {
    this.#name = name;
    this.#slowCallMs = slowCallMs;
    this.#judge = judge;
  }

  /** The outcome of work that returned a value. */
  ofValue(value: unknown, tookMs: number, run: Missed): AttemptOutcome {
    if (this.#isSlow(tookMs)) return this.#isSlow(tookMs - run.missedMs()) ? 'failure' : 'ignored';
    if (this.#judge.isSuccess === undefined) return 'success';
    try {
      return (this.#judge.isSuccess(value) ?? true) ? 'success' : 'failure';
    } catch {
      return this.#instead('success');
    }
  }

  /**
   * The outcome of work that threw.
   * @param signal of the options of `run`
   */
  ofError(error: unknown, signal: AbortSignal | undefined, tookMs: number, run: Missed): AttemptOutcome {
    try {
      return this.#judgeError(error, signal, tookMs, run.missedMs());
    } catch {
      return this.#instead('failure');
    }
  }

  #judgeError(
    error: unknown,
    signal: AbortSignal | undefined,
    tookMs: number,
    missedMs: number,
  ): AttemptOutcome {
    const scope = currentScope();
    if (isNotOfCallee(error, signal ?? scope?.signal, scope?.deadline)) return 'ignored';
    // The caller has shortened the deadline, and it has passed. The callee has failed only if even a success
    // after this time would have been too slow.
    if (scope?.deadline.isShortened && scope.deadline.passed) {
      return this.#isSlow(tookMs - missedMs) ? 'failure' : 'ignored';
    }
    if (this.#judge.isFailure?.(error) === false) return 'success';
    return isEvidence(tookMs, missedMs) ? 'failure' : 'ignored';
  }

  #isSlow(ms: number): boolean {
    return this.#slowCallMs > 0 && ms >= this.#slowCallMs;
  }

  /**
   * The outcome when `isFailure` or `isSuccess` has thrown. The result of the work must not depend on them,
   * so such an error only causes a warning.
   */
  #instead(outcome: AttemptOutcome): AttemptOutcome {
    if (!this.#hasWarned) {
      process.emitWarning(
        `isFailure or isSuccess of the breaker "${this.#name}" throws; it counts as ${outcome} then`,
      );
    }
    this.#hasWarned = true;
    return outcome;
  }
}

/**
 * Whether the error has nothing to do with the callee: the caller left or ended its request at a time of its
 * own, or a limit within the work rejected it.
 * @param deadline that of the request
 */
function isNotOfCallee(
  error: unknown,
  signal: AbortSignal | undefined,
  deadline: Deadline | undefined,
): boolean {
  if (error instanceof HttpError && (error.code === 'OVERLOADED' || error.code === 'RATE_LIMITED')) {
    return true;
  }
  if (signal?.aborted !== true) return false;
  const { reason } = signal as { readonly reason: unknown };
  return !isDeadline(reason) || (isOfRequest(reason) && deadline?.isAhead === true);
}

/** Whether the reason is the deadline of a request of Multilane. */
const isOfRequest = (reason: unknown): boolean =>
  reason instanceof HttpError && reason.code === 'DEADLINE_EXCEEDED';

/**
 * Whether a signal aborted because of a deadline: that of a request of Multilane, or that of
 * `AbortSignal.timeout`.
 */
const isDeadline = (reason: unknown): boolean =>
  isOfRequest(reason) || (reason instanceof Error && reason.name === 'TimeoutError');
