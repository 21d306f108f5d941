// The heap of a thread of the CPU pool, seen from within. After a task that leaves a large heap, the thread
// collects its garbage, so that it neither costs the next task time nor is blamed on it.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MIB = 1024 * 1024;
const MOST_TRIES = 5;

export const heapBytes = (): number => getHeapStatistics().used_heap_size;

/**
 * Call it between two tasks.
 * @param heapMb MiB of heap that may be in use between tasks; 0: any
 * @returns whether more than that is in use, although all garbage was collected
 */
export function isHeapSpent(heapMb: number): boolean {
  if (heapMb === 0 || heapBytes() <= heapMb * MIB) return false;
  // What was serialized is held by native objects, which the first collection finds, and the second one
  // frees.
  for (let times = 0; times < 2; times += 1) {
    collectGarbage();
    if (heapBytes() <= heapMb * MIB) return false;
  }
  return true;
}

/**
 * Collects all garbage. A context has V8's function for that if the flag is set while the context is made.
 * The flag is that of the whole process, and other threads use it at the same time: this one never resets it,
 * and tries again when another has. Without the function nothing is collected, and the thread is replaced.
 */
function collectGarbage(): void {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('globalThis.gc') as (() => void) | undefined;
    if (gc === undefined) continue;
    gc();
    return;
  }
}
