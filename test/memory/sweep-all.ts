import type { RateTable } from '#src/memory/rate/rate-table.js';

/** Runs all parts of a sweep. @returns the number of parts */
export function sweepAll(table: RateTable): number {
  return Array.from(table.sweepInParts()).length + 1;
}
