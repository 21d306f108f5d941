// Stacks that reach the code of a project. A stack keeps the innermost ten frames by default, and a check of
// the runtime may be further than that from the line in the project that is wrong.

/** Frames that an error keeps while code of a project is loaded or declares its routes. */
const FRAMES = 50;

/**
 * Raises the limit of frames.
 * @returns a function that restores the limit, unless the project has set one of its own meanwhile
 */
export function deepenStacks(): () => void {
  const before = Error.stackTraceLimit;
  if (before >= FRAMES) return () => undefined;
  Error.stackTraceLimit = FRAMES;
  return () => {
    if (Error.stackTraceLimit === FRAMES) Error.stackTraceLimit = before;
  };
}
