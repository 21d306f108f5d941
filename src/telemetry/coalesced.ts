// Coalesces concurrent requests for the same work.

/**
 * Returns a function that runs the work at most once at a time. Its results are as new as the call: calls
 * made while the work runs share the next run, so no caller misses what it has changed before.
 */
export function coalescedAfresh<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const run = (): Promise<T> => {
    next = undefined;
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return run();
    // A failure of the run before is that of its callers.
    next = running.then(run, run);
    return next;
  };
}
