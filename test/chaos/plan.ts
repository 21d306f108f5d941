// The plan of a chaos run: which fault happens when. It is a pure function of the seed, so a run can be
// repeated.
import { seeded } from '#test/support/random.js';

/** The kinds of faults. In every round each happens once, in random order. */
export const KINDS = [
  'uncaught exception',
  'unhandled rejection',
  'process.exit()',
  'loop',
  'loop behind await',
  'loop in regex',
  'loop in timer',
  'long work',
  'native stall',
  'heap growth',
  'reload',
  'SIGHUP',
  'cut connections',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Fault {
  readonly atMs: number;
  readonly kind: Kind;
  /** Milliseconds of long work or of a native stall, or number of cut connections; 0 for other kinds. */
  readonly size: number;
}

/** STALL_MS of the process under chaos. */
export const STALL_MS = 1_000;
const GAP_MS = { least: 250, most: 1_250 };
/** Durations of work that ends by itself at the moment when it is interrupted, which is the hardest case. */
const WORK_MS = { least: STALL_MS, most: STALL_MS + 200 };
const NATIVE_MS = { least: 2_000, most: 4_000 };
const CUT = { least: 20, most: 100 };
/**
 * The least time between two native stalls. With two threads stalled in native code at once, a small process
 * drains and exits with 70, as it should.
 */
export const NATIVE_APART_MS = 8_000;

/** The faults of a run of this length. The plan of a longer run begins with them. */
export function planOf(seed: number, ms: number): readonly Fault[] {
  const random = seeded(seed);
  const faults: Fault[] = [];
  let nativeAt = Number.NEGATIVE_INFINITY;
  for (let atMs = 0; ; ) {
    for (const kind of shuffled(KINDS, random)) {
      atMs += between(GAP_MS, random());
      if (atMs >= ms) return faults;
      const size = sizeOf(kind, random());
      if (kind === 'native stall') {
        if (atMs - nativeAt < NATIVE_APART_MS) continue;
        nativeAt = atMs;
      }
      faults.push({ atMs, kind, size });
    }
  }
}

interface Range {
  readonly least: number;
  readonly most: number;
}

const between = ({ least, most }: Range, draw: number): number => Math.round(least + draw * (most - least));

/**
 * The size of a fault. A number is drawn for every fault, so that a further kind with a size does not change
 * the rest.
 */
function sizeOf(kind: Kind, draw: number): number {
  if (kind === 'long work') return between(WORK_MS, draw);
  if (kind === 'native stall') return between(NATIVE_MS, draw);
  return kind === 'cut connections' ? between(CUT, draw) : 0;
}

/** Shuffles by the algorithm of Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}
