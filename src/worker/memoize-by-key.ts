// Keeps what is made by a key, so that it is made once for all events: a look-up per event, the labels only
// the first time. Keys can come from clients and from other services, so no more than so many are kept.

export const MAX_MEMOIZED = 512;

/**
 * @param others the key of what all keys beyond the bound share. Without it that is made for every event, and
 *   the table of
 *   series says what it counts as
 */
export function memoizeByKey<T>(make: (key: string) => T, others?: string): (key: string) => T {
  const byKey = new Map<string, T>();
  let shared: T | undefined;
  return (key) => {
    const known = byKey.get(key);
    if (known !== undefined) return known;
    if (byKey.size >= MAX_MEMOIZED) {
      if (others === undefined) return make(key);
      shared ??= make(others);
      return shared;
    }
    const one = make(key);
    byKey.set(key, one);
    return one;
  };
}
