// Waiting with an end.

/** Longest delay a timer of Node takes, 24.8 days; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the promise gives, or undefined when `ms` pass before. The promise itself goes on. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS), undefined);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
