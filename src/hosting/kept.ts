// Keeps what is made by a key, so that it is made once for all events: a look-up per event, the labels only the
// first time. Keys can come from clients and from other services, so no more than so many are kept; what is beyond that
// is made for every event, and the table of series says what it counts as.

const MOST_KEPT = 512;

export function kept<T>(make: (key: string) => T): (key: string) => T {
  const byKey = new Map<string, T>();
  return (key) => {
    let one = byKey.get(key);
    if (one === undefined) {
      one = make(key);
      if (byKey.size < MOST_KEPT) byKey.set(key, one);
    }
    return one;
  };
}
