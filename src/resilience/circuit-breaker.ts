// A circuit breaker around any piece of work, for code of services: it runs the work and counts how it ends
// in one cell of breaker-contract.ts. When a breaker opens is decided in trip-rules.ts and by its cell,
// memory/breaker/breaker-cell.ts. Calls of other services do not use this file: upstream/call-attempt.ts
// counts their responses. docs/architecture.md lists the files of the subject.
import { Hold } from '../hold.js';
import { describeValue, oneOf } from '../options.js';
import { currentScope, isAborted } from '../scope.js';
import {
  type Breaker,
  type BreakerControl,
  type BreakerState,
  breakerOpenError,
} from './breaker-contract.js';
import { UNWATCHED, type Watch } from './loop-watch.js';
import type { AttemptOutcome, RunOptions } from './policy.js';
import { checkRun } from './run-options.js';
import { type Missed, RunJudge, type RunJudgeOptions } from './run-outcome.js';

/** Stops calls of something that fails, until a probe has succeeded. */
export interface CircuitBreaker {
  /**
   * Runs the work and returns its result; while the breaker is open it throws at once, without running it. It
   * does not end work that takes too long: pass the signal to the work for that.
   *
   * Work that ends after the signal of `options` has aborted counts as nothing, unless the reason is a
   * deadline. So does work that fails after a deadline that the caller of the running request has shortened,
   * and work that fails while this thread was stalled for more than half of the time.
   * @throws UnavailableError BREAKER_OPEN with `Retry-After` while it is open; the reason of a signal that
   *   has aborted before; and what the work throws
   * @example
   * ```ts
   * // The response of `fetch` is a success whatever its status: see `isSuccess` of the options.
   * const response = await breaker.run(() => fetch(url, { signal: ctx.signal }));
   * ```
   */
  run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T>;
  /** The present state, over all threads. */
  readonly state: BreakerState;
  /**
   * Overrides the state: `open` rejects everything, `closed` admits everything, and `auto` ends the override.
   */
  force(to: 'open' | 'closed' | 'auto'): void;
}

export interface CircuitBreakerOptions extends RunJudgeOptions {
  readonly cells: Breaker & Pick<BreakerControl, 'state' | 'force'>;
  readonly cell: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /**
   * Measures the time that this thread misses while the work runs.
   * @default none: all time counts
   */
  readonly watch?: Watch;
}

const FORCED = oneOf('open', 'closed', 'auto');

/** The ticket of one `run`. */
class Ticket extends Hold implements Missed {
  readonly #cells: Breaker;
  readonly #cell: number;
  readonly #ticket: number;
  readonly #watch: Watch;
  /** The result of `watch.begin`; undefined before the work waits. */
  #mark: number | undefined;

  constructor(cells: Breaker, cell: number, ticket: number, watch: Watch) {
    super();
    this.#cells = cells;
    this.#cell = cell;
    this.#ticket = ticket;
    this.#watch = watch;
    this.take(currentScope()?.holds);
  }

  /** Call when the work begins to wait: what it computes before that is its own time. */
  watch(): void {
    this.#mark = this.#watch.begin();
  }

  missedMs(): number {
    return this.#mark === undefined ? 0 : this.#watch.missedSince(this.#mark);
  }

  settle(outcome: AttemptOutcome, ended?: number): void {
    if (this.end()) this.#settle(outcome, ended);
  }

  protected override onRelease(): void {
    this.#settle('ignored');
  }

  #settle(outcome: AttemptOutcome, ended?: number): void {
    if (this.#mark !== undefined) this.#watch.end();
    this.#cells.settle(this.#cell, this.#ticket, outcome, ended);
  }
}

export function circuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { name, cells, cell, clock, watch = UNWATCHED } = options;
  const judge = new RunJudge(options);
  return {
    async run(work, runOptions) {
      checkRun(work, runOptions);
      const signal = runOptions?.signal;
      const scope = currentScope();
      if (signal?.aborted ?? isAborted(scope)) throw (signal ?? scope?.signal)?.reason;
      const ticket = cells.admit(cell);
      if (ticket < 0) throw breakerOpenError(`The breaker "${name}" is open.`, cells.retryInMs(cell));
      const held = new Ticket(cells, cell, ticket, watch);
      const begun = clock();
      let outcome: AttemptOutcome = 'failure';
      let ended: number | undefined;
      try {
        const pending = work();
        held.watch();
        const value = await pending;
        ended = clock();
        outcome = judge.ofValue(value, ended - begun, held);
        return value;
      } catch (error) {
        outcome = judge.ofError(error, signal, clock() - begun, held);
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
