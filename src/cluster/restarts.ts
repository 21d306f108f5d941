// Decides when a worker whose thread has ended gets its next one, and when further attempts are hopeless. It
// is a rule without a clock: the supervisor waits and starts threads.
import { availableParallelism } from 'node:os';

export interface RestartLimits {
  /**
   * A worker is given up when this many of its threads in a row have ended before they were ready. Then the
   * process ends (exit 70), unless another worker serves. A thread that ended for lack of file descriptors
   * counts as an eighth.
   */
  readonly giveUpAfter: number;
  /** A thread that has served for this long, in milliseconds, resets the backoff of its worker. */
  readonly longLifeMs: number;
  /** A thread that is not ready after this long, in milliseconds, is discarded. */
  readonly startMs: number;
  /**
   * The number of threads that start at the same time when the process starts. A start is pure CPU work, so
   * more of them do not save time, but keep the ready threads from running for so long that they appear to be
   * stalled.
   */
  readonly startingAtOnce: number;
  /**
   * How long a thread with an uncaught exception outside of any request may drain, in milliseconds.
   */
  readonly failedDrainMs: number;
  /**
   * How long beyond its drain a thread may take to end, in milliseconds. After that, a successor is started.
   */
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

/**
 * The count of a failure for lack of descriptors. The process may recover from it; five minutes of attempts
 * show that it does not.
 */
const WITHOUT_FILES = 1 / 8;

/** The history of one worker's threads, as far as it determines the next start. */
export class Restarts {
  readonly #limits: RestartLimits;
  /** Threads in a row that have served for a short time or not at all: the exponent of the backoff. */
  #failures = 0;
  /** Threads in a row that were never ready. Some count as a fraction. */
  #unready = 0;
  #hasServed = false;

  constructor(limits: RestartLimits) {
    this.#limits = limits;
  }

  /** A thread of the worker is ready. */
  ready(): void {
    this.#unready = 0;
    this.#hasServed = true;
  }

  /** A thread of the worker was ready at some time. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  /**
   * A thread has ended or failed without an order. The time that it has served is subtracted from the delay,
   * since the delay only bounds how often threads start.
   * @param servedMs milliseconds since it was ready; 0 when it never was
   * @param isWithoutFiles the process is short of file descriptors, without which no thread starts
   */
  ended(
    servedMs: number,
    isWithoutFiles = false,
  ): { readonly delayMs: number; readonly isHopeless: boolean } {
    // `ready` resets the count, so a thread that has served adds only this one.
    this.#unready += isWithoutFiles ? WITHOUT_FILES : 1;
    this.#failures = servedMs > this.#limits.longLifeMs ? 0 : this.#failures + 1;
    const delayMs = Math.max(0, restartDelay(this.#failures) - servedMs);
    return { delayMs, isHopeless: this.#unready >= this.#limits.giveUpAfter };
  }
}

/**
 * The delay before the next start of a worker in milliseconds: 100, doubling to 5000 with consecutive
 * failures.
 */
export function restartDelay(failures: number): number {
  return failures === 0 ? 0 : Math.min(5_000, 100 * 2 ** (failures - 1));
}
