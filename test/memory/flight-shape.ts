// Requests whose every field follows from one number, so that a record made of two of them is recognized.
import type { Flight } from '#src/memory/flight-recorder.js';
import { SERIES_PER_WORKER } from '#src/memory/layout.js';

/** Began at `n` milliseconds. */
export const shapeOf = (n: number) => ({
  row: n % SERIES_PER_WORKER,
  status: 200 + (n % 300),
  microseconds: n ^ 0x5a5a,
});

/** @param now the time it was read for */
export function isWhole({ row, ageMs, ended }: Flight, firstRow: number, now: number): boolean {
  const shape = shapeOf(now - ageMs);
  return (
    row === firstRow + shape.row &&
    (ended === undefined || (ended.status === shape.status && ended.microseconds === shape.microseconds))
  );
}
