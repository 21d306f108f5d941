// Memoizes what is made for a key, such as a metric series for its labels: an event then costs one look-up.
// Keys can come from clients and from other services, so the number of keys that are memoized is bounded.

export const MAX_MEMOIZED = 512;

/**
 * Returns a function that calls `make` once for each of the first 512 keys.
 * @param others the key for which one value is made that all further keys share. Without it a further key
 *   calls `make` every time; the table of series then decides what its event counts as
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
