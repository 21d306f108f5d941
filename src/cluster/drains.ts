// Decides by the drains in progress whether a further thread may be replaced, and which drain is cut short
// for a thread that waits to be started. These are rules without a clock or a thread: the supervisor applies
// them.

import type { WorkerState } from './worker-life.js';
import { maxReplacedAtOnce } from './worker-rows.js';
import type { WorkerThread } from './worker-thread.js';
import { isAlive, isLost } from './workers.js';

export interface DrainView extends Pick<WorkerThread, 'retireReason'> {
  readonly state: WorkerState;
  /** The thread should have ended and has not. */
  readonly isOverdue: boolean;
  /** Milliseconds that are left of the drain at most; infinity while the thread serves. */
  readonly leftMs: number;
}

/** Whether a reload may replace one more worker while the threads it has replaced drain. */
export function mayReplace(living: readonly DrainView[], workers: number): boolean {
  const replaced = living.filter(({ retireReason }) => retireReason === 'reload' || retireReason === 'heap');
  return replaced.filter(isDraining).length < maxReplacedAtOnce(workers);
}

/**
 * Returns the thread whose drain is to be cut short because successors of failed workers wait for a row;
 * undefined when enough drains end soon anyway. Drains that end soon are not cut short, and of the others the
 * one with the least time left is chosen.
 * @param waiting the number of successors that wait
 * @param soonMs a drain that has no more time left than this ends soon
 */
export function threadToCutShort<Thread extends DrainView>(
  living: readonly Thread[],
  waiting: number,
  soonMs: number,
): Thread | undefined {
  const draining = living.filter(isDraining).sort((a, b) => a.leftMs - b.leftMs);
  const soon = draining.filter(({ leftMs }) => leftMs <= soonMs).length;
  return waiting > soon ? draining[soon] : undefined;
}

/** Lost threads are not counted: they may never end, so there is nothing to wait for. */
const isDraining = (thread: DrainView): boolean =>
  thread.leftMs !== Number.POSITIVE_INFINITY && isAlive(thread) && !isLost(thread);
