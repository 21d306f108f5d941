// Timers as a dependency, so that tests can control time.

/** Runs `fn` once after `ms` milliseconds. @returns a function that cancels it */
export type Schedule = (ms: number, fn: () => void) => () => void;

/** Timers of Node that do not keep the process alive. */
export const timers: Schedule = (ms, fn) => {
  const timer = setTimeout(fn, ms).unref();
  return () => clearTimeout(timer);
};
