// Memory of a primitive that stands on its own: new, or that of another thread.
import { Part, type PartKind, type PartMemory } from '../memory/part.js';

const THREADS = 64;
const MOST_THREADS = 1024;

/** @throws RangeError for an impossible number of threads, Error for memory of anything else */
export function partFor(
  kind: Exclude<PartKind, 'rates'>,
  { memory, threads = THREADS }: { readonly memory?: PartMemory; readonly threads?: number },
): Part {
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw new RangeError(`${kind}: threads must be a whole number from 1 to ${MOST_THREADS}`);
  }
  return memory === undefined ? Part.create(kind, threads) : Part.attach(kind, memory);
}
