// Coalesces concurrent requests for the same work.

/**
 * Returns a function that runs the work at most once at a time: calls made while it runs share its result.
 */
export function coalesced<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
}
