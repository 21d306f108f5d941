// What the drains that are under way mean for threads that wait to be started. Rules without a clock or a
// thread: the supervisor asks and carries out.
import { isAlive, isLost } from './lanes.js';
import { mostReplaced } from './worker-rows.js';
import type { WorkerState } from './worker-state.js';
import type { EndReason } from './worker-thread.js';

export interface DrainView {
  readonly state: WorkerState;
  readonly order: EndReason | undefined;
  /** It was to end long ago. */
  readonly isOverdue: boolean;
  /** Milliseconds that are left of its drain at most; infinity while it serves. */
  readonly leftMs: number;
}

/** Whether a reload may replace one more worker while the threads it has replaced drain. */
export function mayReplace(living: readonly DrainView[], workers: number): boolean {
  const replaced = living.filter(({ order }) => order === 'reload' || order === 'heap');
  return replaced.filter(isDraining).length < mostReplaced(workers);
}

/**
 * The thread whose drain has to be cut short because successors of failed workers wait for a row: the one
 * that has the least time left, unless enough of them end soon anyway.
 * @param waiting successors that wait
 * @param soonMs a drain with no more than this left ends soon
 */
export function toCutShort<Thread extends DrainView>(
  living: readonly Thread[],
  waiting: number,
  soonMs: number,
): Thread | undefined {
  const draining = living.filter(isDraining).sort((a, b) => a.leftMs - b.leftMs);
  const soon = draining.filter(({ leftMs }) => leftMs <= soonMs).length;
  return waiting > soon ? draining[soon] : undefined;
}

/** One that is lost may never end: its drain is nothing to wait for. */
const isDraining = (thread: DrainView): boolean =>
  thread.leftMs !== Number.POSITIVE_INFINITY && isAlive(thread) && !isLost(thread);
