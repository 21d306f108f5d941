// Counts the open file descriptors of this process. A process may have ten thousand connections, and one
// reading of all their names would hold the event loop for some ten milliseconds.
import { opendir } from 'node:fs/promises';

/** Names that are read between two turns of the event loop. */
const NAMES = 256;

/** @returns undefined when they cannot be counted: no file descriptor is free */
export async function openFileCount(): Promise<number | undefined> {
  let count = 0;
  try {
    for await (const _ of await opendir('/proc/self/fd', { bufferSize: NAMES })) count++;
  } catch {
    return undefined;
  }
  return count - 1; // one of them was the folder itself
}
