// Moments in shared memory are kept modulo 12 days (rate-row.ts) or 49 (elapsed.ts), and would look recent
// when that number wraps around. So a cell whose moment means nothing any more is rewritten once an hour,
// while no moment is older than a few days. A table may have millions of rows, so it is swept in parts, and
// the thread serves between them.

const EVERY_MS = 3_600_000;
/** Between two parts of a sweep, which take about as long. */
const PAUSE_MS = 1;

/**
 * Keeps no process alive.
 * @param sweep begins a sweep, which does a part of it with each step
 * @returns what ends it
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
 * Refreshes cells that have no `close`, until they are collected as garbage, which the timer does not
 * prevent.
 */
export function refreshHourly(cells: { refresh(slot: number): void }, slot: number): void {
  const held = new WeakRef(cells);
  const timer = setInterval(() => {
    const used = held.deref();
    if (used === undefined) clearInterval(timer);
    else used.refresh(slot);
  }, EVERY_MS).unref();
}
