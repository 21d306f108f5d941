// A script that blocks the thread which runs it, without using processor time: the thread waits for a word of
// shared memory that no other thread can change.

/** @param ms how long the script blocks, in milliseconds; undefined: forever */
export const blockThreadScript = (ms?: number): string =>
  `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0${ms === undefined ? '' : `, ${ms}`})`;
