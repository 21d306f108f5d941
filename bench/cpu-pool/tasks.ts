// The tasks of the measurements of the CPU pool.
export const echo = (input: unknown): unknown => input;

/** Uses so many milliseconds of CPU time. */
export function burn(ms: number): number {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
}
