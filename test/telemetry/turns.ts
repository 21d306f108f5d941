// Counts the turns into which work is divided by `Pace`.

/**
 * Runs work for which each look at the time says that its turn has lasted long enough.
 * @returns the turns of the event loop that it took
 */
export async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  const now = performance.now.bind(performance);
  let time = now();
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  performance.now = () => {
    time += 10;
    return time;
  };
  try {
    setImmediate(count);
    await work();
    return turns;
  } finally {
    isDone = true;
    performance.now = now;
  }
}
