/** Calls a function the given number of frames above the end of the stack. What it throws is ignored. */
export function aboveEnd(frames: number, run: () => unknown): unknown {
  let above = 0;
  const deeper = (): unknown => {
    try {
      return deeper();
    } catch (error) {
      if (above++ < frames) throw error;
    }
    try {
      return run();
    } catch {
      return undefined;
    }
  };
  return deeper();
}

/** Words that are put on the stack to try places between two frames. */
const PADDINGS = Array.from({ length: 16 }, (_, words) => Array<number>(words).fill(0));
/** More frames than a function needs that is called near the end of the stack, with its compilation. */
const DEPTHS = 5_000;

/**
 * Calls a function near the end of the stack again and again, with a word or two more room each time, until
 * it does not throw. So calls that it makes are cut off at some of the places, unless an earlier one needs
 * more room.
 * @returns how often it was cut off
 */
export function untilThereIsRoom(run: () => unknown): number {
  let [depth, cutOff, isDone] = [0, 0, false];
  const deeper = (): void => {
    try {
      deeper();
    } catch {
      // the end of the stack
    }
    if (isDone || depth++ > DEPTHS) return;
    for (let words = PADDINGS.length; words > 0 && !isDone; words--) {
      try {
        Reflect.apply(run, undefined, PADDINGS[words - 1]!);
        isDone = true;
      } catch {
        cutOff++;
      }
    }
  };
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // the traces of all these errors would take longer than everything else
  try {
    deeper();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  if (!isDone) throw new Error(`${DEPTHS} frames are not enough for the function`);
  return cutOff;
}
