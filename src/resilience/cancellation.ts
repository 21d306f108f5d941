// One abort signal for one piece of work: it aborts at the deadline, or when one of the callers' signals
// does.
// `AbortSignal.any` is not used: only the garbage collector frees the signal that it makes, and its timer
// would run on after the work is done. The work disposes of a cancellation when it ends.
import { setMaxListeners } from 'node:events';
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';

export interface Cancellation {
  /**
   * Aborts with DeadlineExceededError at the deadline, or with the reason of the source that aborted first.
   */
  readonly signal: AbortSignal;
  /** Call when the work has ended, in whatever way. */
  readonly dispose: () => void;
}

/** The longest delay of a timer of Node, 24.8 days; a later deadline is not waited for. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Keeps Node from warning that a signal has many listeners: work that runs in parallel adds many to one
 * signal, which is no leak. Call it before the signal goes to libraries that listen to it.
 */
export function manyMayListen(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}

export function cancelAt(
  deadline: Deadline,
  sources: readonly (AbortSignal | undefined)[] = [],
): Cancellation {
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = sources.find((source) => source?.aborted);
  if (aborted !== undefined || deadline.passed) {
    controller.abort(aborted === undefined ? new DeadlineExceededError() : aborted.reason);
    return { signal, dispose: () => undefined };
  }
  const timer = setTimeout(
    () => controller.abort(new DeadlineExceededError()),
    Math.min(Math.ceil(deadline.remainingMs()), MAX_TIMER_MS),
  );
  const listeners = sources.flatMap((source) => {
    if (source === undefined) return [];
    manyMayListen(source);
    const listener = (): void => controller.abort(source.reason);
    source.addEventListener('abort', listener, { once: true });
    return [() => source.removeEventListener('abort', listener)];
  });
  return {
    signal,
    dispose() {
      clearTimeout(timer);
      for (const remove of listeners) remove();
    },
  };
}
