import type { RateTable } from '#src/memory/rate/rate-table.js';

/** All parts of a sweep at once. @returns how many there were */
export function sweepAll(table: RateTable): number {
  return Array.from(table.sweepInParts()).length + 1;
}
