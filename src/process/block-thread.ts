// A thread that waits for a word of shared memory to change stops where it is and uses no processor time.

/**
 * Script that stops the thread which evaluates it.
 * @param ms how long; undefined: for good, since nothing changes the word
 */
export const blockThreadScript = (ms?: number): string =>
  `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0${ms === undefined ? '' : `, ${ms}`})`;
