// Tries what may fail, where the caller goes on without it: a file that may not be readable, a function that
// this version of Node.js may not have.

/** Calls `action` and returns its result, or undefined when it throws. */
export function undefinedOnError<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
