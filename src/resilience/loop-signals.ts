// What a thread can learn about its own event loop for the price of a read.
import { performance } from 'node:perf_hooks';

export interface LoopSignals {
  /** Milliseconds on a clock that never steps. */
  now(): number;
  /**
   * Milliseconds that the loop has waited for events so far. It changes with every poll that may wait, so a
   * change proves that a new turn of the loop has begun; a poll that may not wait (timers are due) leaves it
   * unchanged.
   */
  sleptMs(): number;
  /** Calls back once, behind the poll phase that is running or comes next. It must not delay the poll. */
  afterPoll(callback: () => void): void;
}

const { nodeTiming } = performance;

/**
 * The loop of the thread that imports this module. `idleTime` is a read of 26 ns, an immediate costs 450 ns.
 */
export const threadLoop: LoopSignals = {
  now: () => performance.now(),
  sleptMs: () => nodeTiming.idleTime,
  afterPoll: (callback) => void setImmediate(callback),
};
