// When a worker whose thread has ended gets its next one, and when there is no point in trying any more. A
// rule without a clock: the supervisor waits and starts.
import { availableParallelism } from 'node:os';

export interface RestartLimits {
  /**
   * A worker is given up when this many threads of it in a row have ended before `ready`; then the process
   * ends (exit 70), unless another worker serves. One that ended for want of file descriptors counts as an
   * eighth.
   */
  readonly giveUpAfter: number;
  /** A thread that served this long, in milliseconds, starts its worker's backoff anew. */
  readonly longLifeMs: number;
  /** A thread that is not ready by then never will be. */
  readonly startMs: number;
  /**
   * Threads that start at the same time when the process starts. A start is all work: more of them take no
   * less time, but keep those that are ready from their turns for so long that they look stalled.
   */
  readonly startingAtOnce: number;
  /**
   * How long a thread in which something was thrown outside of any request may finish what it has in hand.
   */
  readonly failedDrainMs: number;
  /** How long beyond the time of its drain a thread may take to end. After that another takes its place. */
  readonly overdueMs: number;
}

export const RESTART_LIMITS: RestartLimits = {
  giveUpAfter: 8,
  longLifeMs: 10_000,
  startMs: 30_000,
  startingAtOnce: Math.max(4, 2 * availableParallelism()),
  failedDrainMs: 2_000,
  overdueMs: 10_000,
};

/** The process may get descriptors back by itself; five minutes of attempts say that it does not. */
const WITHOUT_FILES = 1 / 8;

/** The history of one worker's threads, as far as it decides about the next. */
export class Restarts {
  readonly #limits: RestartLimits;
  /** Lives in a row that served for a short time or not at all: the exponent of the backoff. */
  #failures = 0;
  /** Lives in a row that never reached `ready`, some of them in part. */
  #unready = 0;

  constructor(limits: RestartLimits) {
    this.#limits = limits;
  }

  ready(): void {
    this.#unready = 0;
  }

  /**
   * A thread has ended that was to live on. What it has served is taken off the wait: the wait bounds how
   * often threads start, and need not make up for a life that was long enough.
   * @param servedMs since it was ready; 0 when it never was
   * @param isWithoutFiles the process is short of file descriptors, without which no thread starts
   */
  ended(
    servedMs: number,
    isWithoutFiles = false,
  ): { readonly delayMs: number; readonly isHopeless: boolean } {
    // `ready` clears the count, so it holds only lives that ended before it.
    this.#unready += isWithoutFiles ? WITHOUT_FILES : 1;
    this.#failures = servedMs > this.#limits.longLifeMs ? 0 : this.#failures + 1;
    const delayMs = Math.max(0, restartDelay(this.#failures) - servedMs);
    return { delayMs, isHopeless: this.#unready >= this.#limits.giveUpAfter };
  }
}

/** Milliseconds before the next start of a worker: 100 ms doubling to 5 s over consecutive failures. */
export function restartDelay(failures: number): number {
  return failures === 0 ? 0 : Math.min(5_000, 100 * 2 ** (failures - 1));
}
