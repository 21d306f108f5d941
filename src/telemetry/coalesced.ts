// Work that takes a while and that many may ask for at the same time.

/** Does the work at most once at a time: who asks while it is under way gets its result. */
export function coalesced<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= work().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
