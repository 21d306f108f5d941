// The shared memory of a standalone breaker or bulkhead: new, or that of another thread.
import { Part, type PartKind, type PartMemory } from '../memory/part.js';

const DEFAULT_THREADS = 64;
const MAX_THREADS = 1024;

/**
 * Creates the memory, or attaches to that of another thread. A `Part` is shared memory that has the cells of
 * one breaker or bulkhead only, and a slot for each thread that uses it.
 * @throws RangeError for a bad number of threads, Error for memory of another kind
 */
export function partFor(
  kind: Exclude<PartKind, 'rates'>,
  { memory, threads = DEFAULT_THREADS }: { readonly memory?: PartMemory; readonly threads?: number },
): Part {
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= MAX_THREADS)) {
    throw new RangeError(`${kind}: threads must be a whole number from 1 to ${MAX_THREADS}`);
  }
  return memory === undefined ? Part.create(kind, threads) : Part.attach(kind, memory);
}
