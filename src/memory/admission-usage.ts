// Reads the counts and costs of all routes at once, for views of the process. There may be hundreds of
// threads and of routes, so the words are read in the order of the memory, by plain reads.
import type { Table } from './area.js';
import { ROUTE_ROWS } from './layout.js';

/** The requests of each route that are in flight, in all threads. */
export function sumsOf({ words, stride, rows }: Table): Int32Array {
  const sums = new Int32Array(ROUTE_ROWS);
  for (let slot = 0; slot < rows; slot++)
    for (let row = 0; row < ROUTE_ROWS; row++) sums[row] = sums[row]! + words[slot * stride + row]!;
  return sums;
}

/**
 * What a request of each route costs in all, in microseconds: the least that a living thread has measured, or
 * else what the last ended thread had measured.
 */
export function cheapestOf({ words, stride, rows }: Table): Float64Array {
  const least = new Float64Array(ROUTE_ROWS);
  /** The row of the primary has the costs that ended threads had measured. */
  const ended = new Float64Array(ROUTE_ROWS);
  for (let slot = 0; slot < rows; slot++) {
    const own = slot * stride;
    for (let row = 0; row < ROUTE_ROWS; row++) {
      const total = words[own + 2 * row]! + words[own + 2 * row + 1]!;
      if (total <= 0) continue;
      if (slot === 0) ended[row] = total;
      else if (least[row] === 0 || total < least[row]!) least[row] = total;
    }
  }
  return least.map((total, row) => (total === 0 ? ended[row]! : total));
}
