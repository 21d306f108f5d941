// Counts the garbage collections of this thread by kind and duration: `nodejs_gc_duration_seconds`.
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';

/** The kinds and the buckets of prom-client (15.1). */
const KINDS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);
const BOUNDS_SECONDS = [0.001, 0.01, 0.1, 1, 2, 5] as const;

/** What Node.js adds to the entry of a collection. */
type CollectionEntry = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

/** The collections of one kind. */
export interface Collections {
  readonly kind: string;
  readonly count: number;
  readonly seconds: number;
  /** How many lasted at most so long, for each bound. */
  readonly buckets: readonly { readonly leSeconds: number; readonly count: number }[];
}

interface Counts {
  count: number;
  seconds: number;
  /** For each bound, the collections that lasted at most so long. */
  readonly within: number[];
}

export class GarbageCollections {
  readonly #byKind = new Map<string, Counts>();
  readonly #observer = new PerformanceObserver((list) => this.#count(list.getEntries()));

  /** Counts from now on. */
  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** The kinds of which there was a collection. */
  read(): readonly Collections[] {
    this.#count(this.#observer.takeRecords());
    return [...this.#byKind].map(([kind, { count, seconds, within }]) => ({
      kind,
      count,
      seconds,
      buckets: BOUNDS_SECONDS.map((leSeconds, index) => ({ leSeconds, count: within[index]! })),
    }));
  }

  /** Counts nothing any more. */
  stop(): void {
    this.#observer.disconnect();
  }

  #count(entries: readonly PerformanceEntry[]): void {
    for (const { detail, duration } of entries as readonly CollectionEntry[]) {
      const kind = KINDS.get(detail?.kind);
      if (kind === undefined) continue;
      let counts = this.#byKind.get(kind);
      if (counts === undefined) {
        counts = { count: 0, seconds: 0, within: BOUNDS_SECONDS.map(() => 0) };
        this.#byKind.set(kind, counts);
      }
      const seconds = duration / 1000;
      counts.count++;
      counts.seconds += seconds;
      for (const [index, bound] of BOUNDS_SECONDS.entries()) if (seconds <= bound) counts.within[index]!++;
    }
  }
}
