// Times in shared memory are kept modulo 12 days (rate-row.ts) or 49 days (elapsed.ts), so an old one looks
// recent again when that number wraps around. Therefore a sweep rewrites the cells whose time is over, once
// an hour. A table may have millions of rows, so it is swept in parts, and the thread serves requests between
// them.

const EVERY_MS = 3_600_000;
/** The pause between two parts of a sweep. A part takes about as long. */
const PAUSE_MS = 1;

/**
 * Sweeps once an hour. The timer does not keep the process alive.
 * @param sweep begins a sweep; each step of the generator does one part of it
 * @returns a function that stops it
 */
export function sweepHourly(sweep: () => Generator<void>): () => void {
  let timer: NodeJS.Timeout;
  let parts = sweep();
  const step = (): void => {
    const isDone = parts.next().done === true;
    if (isDone) parts = sweep();
    timer = setTimeout(step, isDone ? EVERY_MS : PAUSE_MS).unref();
  };
  timer = setTimeout(step, EVERY_MS).unref();
  return () => clearTimeout(timer);
}

/**
 * Refreshes one cell once an hour, for cells that have no method `close`. It ends when the cells are
 * collected as garbage, which the timer does not prevent.
 */
export function refreshHourly(cells: { refresh(slot: number): void }, slot: number): void {
  const held = new WeakRef(cells);
  const timer = setInterval(() => {
    const used = held.deref();
    if (used === undefined) clearInterval(timer);
    else used.refresh(slot);
  }, EVERY_MS).unref();
}
