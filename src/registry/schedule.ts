// Time that passes, given from outside, so tests can make it pass.

/** Runs `fn` once after `ms`. @returns how to call it off */
export type Schedule = (ms: number, fn: () => void) => () => void;

/** Timers that do not keep the process alive by themselves. */
export const timers: Schedule = (ms, fn) => {
  const timer = setTimeout(fn, ms).unref();
  return () => clearTimeout(timer);
};
