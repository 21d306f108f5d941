// Which thread has a slot, and how many requests it has in flight and has ended. As long as none of this
// changes, no request of the thread has begun or ended: a request is counted after its record is written.
import type { Block } from './block.js';

export interface SlotRequests {
  /** The worker whose thread is in the slot, 0 for none. */
  readonly worker: number;
  readonly generation: number;
  readonly inFlight: number;
  /** The low word of the count of requests that have ended. */
  readonly ended: number;
}

export const areSame = (a: SlotRequests, b: SlotRequests): boolean =>
  a.worker === b.worker && a.generation === b.generation && a.inFlight === b.inFlight && a.ended === b.ended;

/** Reads the slots again and again, without making a view for each reading. Any thread may read. */
export function slotRequests(block: Block): (slot: number) => SlotRequests {
  const wordOf = (name: Parameters<Block['words']>[0]): ((slot: number) => number) => {
    const { words, stride } = block.table(name);
    return (slot) => Atomics.load(words, slot * stride);
  };
  const worker = wordOf('workerId');
  const generation = wordOf('workerGeneration');
  const inFlight = wordOf('workerInFlight');
  const ended = wordOf('workerRequests');
  return (slot) => ({
    worker: worker(slot),
    generation: generation(slot),
    inFlight: inFlight(slot),
    ended: ended(slot),
  });
}
