// Requests whose every field follows from one number, so that a record made of two of them is recognized.
import type { Flight } from '#src/memory/flight-recorder.js';
import { OTHER_ROUTES } from '#src/memory/route-names.js';

/** Request n began at `n` milliseconds. */
export const shapeOf = (n: number) => ({
  route: 1 + (n % OTHER_ROUTES),
  status: 200 + (n % 300),
  microseconds: n ^ 0x5a5a,
  id: `${n}-${'x'.repeat(n % 50)}`,
});

/** @param now the time for which the record was read */
export function isWhole({ route, requestId, ageMs, ended }: Flight, now: number): boolean {
  const shape = shapeOf(now - ageMs);
  return (
    route === shape.route &&
    requestId === shape.id &&
    (ended === undefined || (ended.status === shape.status && ended.microseconds === shape.microseconds))
  );
}
