// Rows of rate limits that carry no state are emptied once an hour: their times come round again after 12
// days. A table may have millions of rows, so it is done in parts, and the thread serves between them.
import type { RateTable } from './rate-table.js';

const EVERY_MS = 3_600_000;
/** Between two parts of a sweep, which take about as long. */
const PAUSE_MS = 1;

/** Keeps no process alive. @returns what ends it */
export function sweepHourly(table: Pick<RateTable, 'sweepInParts'>): () => void {
  let timer: NodeJS.Timeout;
  let parts = table.sweepInParts();
  const step = (): void => {
    const isDone = parts.next().done === true;
    if (isDone) parts = table.sweepInParts();
    timer = setTimeout(step, isDone ? EVERY_MS : PAUSE_MS).unref();
  };
  timer = setTimeout(step, EVERY_MS).unref();
  return () => clearTimeout(timer);
}
