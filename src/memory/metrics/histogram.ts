// The cells of a latency histogram: log-spaced from 10 us to 10 s, with an edge at every `le` bound
// that Prometheus shows (docs/contract.md), so folding into those buckets is exact. Two
// neighbouring edges differ by at most 19.2 %, and by up to 21.5 % where they are rounded to whole
// microseconds (below 70 us). That is the relative error of a quantile. Beyond 10 s, which no bucket of
// Prometheus tells apart, the edges are a few round durations up to an hour.
import { HISTOGRAM_CELLS } from '../layout.js';

/** The `le` bounds of docs/contract.md, in microseconds. */
export const LE_BOUNDS_US: readonly number[] = [
  5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000, 5_000_000,
  7_500_000, 10_000_000,
];

/** 15 s, 20 s, 30 s, 45 s, 1 min, 2 min, 5 min, 15 min and 1 h, in microseconds. */
const BEYOND_US: readonly number[] = [15, 20, 30, 45, 60, 120, 300, 900, 3600].map(
  (seconds) => seconds * 1e6,
);

/** The most bounds of a histogram with buckets of its own: each bucket has a cell, one more for the rest. */
export const MOST_BOUNDS = HISTOGRAM_CELLS - 1;

const SMALLEST_US = 10;
const STEP = 1.19;

/** The upper edge (inclusive) of every cell but the last one, which takes all longer durations. */
export const HISTOGRAM_EDGES_US: readonly number[] = edges();

function edges(): number[] {
  const result = [SMALLEST_US];
  let low = SMALLEST_US;
  for (const high of LE_BOUNDS_US) {
    const parts = Math.ceil(Math.log(high / low) / Math.log(STEP));
    for (let part = 1; part < parts; part++) result.push(Math.round(low * (high / low) ** (part / parts)));
    result.push(high);
    low = high;
  }
  result.push(...BEYOND_US);
  if (result.length + 1 > HISTOGRAM_CELLS)
    throw new Error(`histogram: ${result.length + 1} cells do not fit`);
  return result;
}

// `cellOf` guesses a cell by the power of two and the next two bits, then goes up by a few cells at most. So
// it needs no search and no division. For each guess the table has the lowest cell that is possible.
const GUESS: Uint8Array = new Uint8Array(32 * 4);
for (let index = 0; index < GUESS.length; index++) {
  const exponent = index >> 2;
  const smallest = 2 ** exponent * (1 + (index & 3) / 4);
  let cell = 0;
  while (cell < HISTOGRAM_EDGES_US.length && HISTOGRAM_EDGES_US[cell]! < smallest) cell++;
  GUESS[index] = cell;
}
const EDGES = Float64Array.from(HISTOGRAM_EDGES_US);

/** Cell of a duration in microseconds, of any length. */
export function cellOf(microseconds: number): number {
  if (microseconds <= SMALLEST_US) return 0;
  if (microseconds > EDGES[EDGES.length - 1]!) return EDGES.length;
  const exponent = 31 - Math.clz32(microseconds);
  const fraction = exponent >= 2 ? (microseconds >>> (exponent - 2)) & 3 : 0;
  let cell = GUESS[(exponent << 2) | fraction]!;
  while (microseconds > EDGES[cell]!) cell++;
  return cell;
}

/**
 * A quantile by nearest rank: the upper edge of the cell that contains it, or the longest of all durations
 * when that is less.
 * @param cells counts per cell
 * @param q 0..1
 * @param longest the longest duration that was counted, in microseconds
 * @returns microseconds, 0 when nothing was counted
 */
export function quantile(cells: ArrayLike<number>, q: number, longest: number): number {
  let total = 0;
  for (let cell = 0; cell < cells.length; cell++) total += cells[cell]!;
  if (total === 0) return 0;
  let rank = Math.max(1, Math.ceil(q * total));
  for (let cell = 0; cell < cells.length; cell++) {
    rank -= cells[cell]!;
    if (rank <= 0) return Math.min(HISTOGRAM_EDGES_US[cell] ?? longest, longest);
  }
  return longest;
}
