// One abort signal for one piece of work, from its deadline and from whoever may call it off.
// Not AbortSignal.any: what it makes is freed by the garbage collector alone, and a timer of its own would
// keep running after the work is done. A cancellation is ended by hand when the work is.
import { setMaxListeners } from 'node:events';
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';

export interface Cancellation {
  /**
   * Aborts with DeadlineExceededError at the deadline, or with the reason of the source that aborted first.
   */
  readonly signal: AbortSignal;
  /** Call when the work has ended, however it ended. */
  readonly dispose: () => void;
}

/** Longest delay of a timer; a later deadline is as good as none. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Work that is done in parallel listens to one signal many times; that is no leak, so Node need not warn of
 * it. For signals handed to libraries that listen to them.
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
