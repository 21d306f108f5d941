import type { Journal } from './journal.js';
import type { SagaObserver } from './saga-observer.js';
import type { StepAttemptDeps } from './step-attempt.js';
import type { TryLock } from './try-lock.js';

/** What the runners of one worker share. */
export interface RunnerDeps extends StepAttemptDeps {
  /** True once a failure of code in this worker has made it stop. */
  readonly hasFailed: () => boolean;
  readonly journal: Journal;
  readonly observer: SagaObserver;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds on a monotonic clock, by which leases are judged. */
  readonly clock: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /**
   * The lock of the one saga of the process whose compensation has its last chance. Only one at a time has
   * it, so that a crash is not counted against a compensation that had no part in it.
   */
  readonly lastChanceLock: TryLock;
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}
