// A breaker around any piece of work: the machine of breaker.ts for one cell, with what the end of the work
// says to it. Whoever calls services has this in upstream/attempt.ts, where the end is an answer of HTTP.
import { HttpError } from '../errors.js';
import { Hold } from '../hold.js';
import { describeValue, oneOf } from '../options.js';
import { currentScope, isAborted } from '../scope.js';
import {
  type Breaker,
  type BreakerControl,
  type BreakerState,
  breakerOpenError,
} from './breaker-contract.js';
import type { BreakerOptions } from './breaker-options.js';
import { isEvidence, UNWATCHED, type Watch } from './loop-watch.js';
import type { AttemptOutcome, RunOptions } from './policy.js';
import { checkRun } from './run-options.js';

export interface CircuitBreaker {
  /**
   * Does the work and returns what it gives; refuses at once, without doing it, while the breaker is open. It
   * does not end what takes too long: hand the signal to the work. What ends after the signal of `options`
   * has aborted says nothing about what is called, unless it is the deadline that has passed; nor does what
   * fails behind a deadline that a caller of the running request has shortened, or while this thread stood
   * still for most of the time.
   * @throws UnavailableError BREAKER_OPEN with `Retry-After` when refused, the reason of a signal that has
   * aborted before, and what the work throws
   */
  run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T>;
  /** As it stands now, over all threads. */
  readonly state: BreakerState;
  /**
   * The operator's hand: `open` refuses everything, `closed` lets everything through, `auto` hands it back.
   */
  force(to: 'open' | 'closed' | 'auto'): void;
}

export interface CircuitBreakerParts {
  readonly name: string;
  readonly cells: Breaker & Pick<BreakerControl, 'state' | 'force'>;
  readonly cell: number;
  /** 0: no call is too slow. */
  readonly slowCallMs: number;
  readonly judge: Pick<BreakerOptions, 'isFailure' | 'isSuccess'>;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Tells what this thread has missed of the work. Without one all time counts. */
  readonly watch?: Watch;
}

const FORCED = oneOf('open', 'closed', 'auto');

/** The ticket of one `run`. */
class Ticket extends Hold {
  readonly #cells: Breaker;
  readonly #cell: number;
  readonly #ticket: number;
  readonly #watch: Watch;
  /** What `watch.begin` has returned. */
  mark: number | undefined;

  constructor(cells: Breaker, cell: number, ticket: number, watch: Watch) {
    super();
    this.#cells = cells;
    this.#cell = cell;
    this.#ticket = ticket;
    this.#watch = watch;
    this.take(currentScope()?.holds);
  }

  settle(outcome: AttemptOutcome, ended?: number): void {
    if (this.end()) this.#settle(outcome, ended);
  }

  protected override onRelease(): void {
    this.#settle('ignored');
  }

  #settle(outcome: AttemptOutcome, ended?: number): void {
    if (this.mark !== undefined) this.#watch.end();
    this.#cells.settle(this.#cell, this.#ticket, outcome, ended);
  }
}

export function circuitBreaker(parts: CircuitBreakerParts): CircuitBreaker {
  const { name, cells, cell, slowCallMs, judge, clock, watch = UNWATCHED } = parts;
  const isSlow = (ms: number): boolean => slowCallMs > 0 && ms >= slowCallMs;
  const ofSuccess = (tookMs: number, missedMs: () => number): AttemptOutcome => {
    if (!isSlow(tookMs)) return 'success';
    return isSlow(tookMs - missedMs()) ? 'failure' : 'ignored';
  };
  const ofError = (
    error: unknown,
    signal: AbortSignal | undefined,
    tookMs: number,
    missedMs: number,
  ): AttemptOutcome => {
    const scope = currentScope();
    if (isOfNobody(error, signal ?? scope?.signal)) return 'ignored';
    // The time that a caller allows is over: that is a failure only if a success would have been too slow.
    if (scope?.deadline.isShortened && scope.deadline.passed) {
      return isSlow(tookMs - missedMs) ? 'failure' : 'ignored';
    }
    if (judge.isFailure?.(error) === false) return 'success';
    return isEvidence(tookMs, missedMs) ? 'failure' : 'ignored';
  };
  const ofValue = (value: unknown): AttemptOutcome =>
    (judge.isSuccess?.(value) ?? true) ? 'success' : 'failure';
  let hasWarned = false;
  /** The work keeps its own end, whatever looking at it throws. */
  const judged = (judging: () => AttemptOutcome, otherwise: AttemptOutcome): AttemptOutcome => {
    try {
      return judging();
    } catch {
      const text = `isFailure or isSuccess of the breaker "${name}" throws; it counts as ${otherwise} then`;
      if (!hasWarned) process.emitWarning(text);
      hasWarned = true;
      return otherwise;
    }
  };
  return {
    async run(work, options) {
      checkRun(work, options);
      const signal = options?.signal;
      const scope = currentScope();
      if (signal?.aborted ?? isAborted(scope)) throw (signal ?? scope?.signal)?.reason;
      const ticket = cells.admit(cell);
      if (ticket < 0) throw breakerOpenError(`The breaker "${name}" is open.`, cells.retryInMs(cell));
      const held = new Ticket(cells, cell, ticket, watch);
      const begun = clock();
      let outcome: AttemptOutcome = 'failure';
      let ended: number | undefined;
      const missedMs = (): number => (held.mark === undefined ? 0 : watch.missedSince(held.mark));
      try {
        const pending = work();
        // What the work computes before it waits is its own time.
        held.mark = watch.begin();
        const value = await pending;
        ended = clock();
        const byTime = ofSuccess(ended - begun, missedMs);
        const isJudged = byTime === 'success' && judge.isSuccess !== undefined;
        outcome = isJudged ? judged(() => ofValue(value), 'success') : byTime;
        return value;
      } catch (error) {
        const tookMs = clock() - begun;
        outcome = judged(() => ofError(error, signal, tookMs, missedMs()), 'failure');
        throw error;
      } finally {
        held.settle(outcome, ended);
      }
    },
    get state() {
      return cells.state(cell);
    },
    force(to) {
      if (!FORCED.is(to)) throw new TypeError(`force: it must be ${FORCED.text}, not ${describeValue(to)}`);
      cells.force(cell, to);
    },
  };
}

/** The caller left, or a limit within the work has refused it: what is called has had no part in it. */
function isOfNobody(error: unknown, signal: AbortSignal | undefined): boolean {
  if (error instanceof HttpError && (error.code === 'OVERLOADED' || error.code === 'RATE_LIMITED'))
    return true;
  return signal?.aborted === true && !isDeadline(signal.reason);
}

/** Ours, or that of `AbortSignal.timeout`. */
const isDeadline = (reason: unknown): boolean =>
  (reason instanceof HttpError && reason.code === 'DEADLINE_EXCEEDED') ||
  (reason instanceof Error && reason.name === 'TimeoutError');
