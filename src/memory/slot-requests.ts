// Which thread has a slot, and how many requests it has in flight and has ended. As long as none of this
// changes between readings, no request of the thread has begun or ended since the first of them: a request
// is counted after its record is written, and a thread stores the number in flight before the number ended.
//
// `ended` is loaded first. When two readings find the same `ended`, no request has ended from the first load
// of it to the second one, so the number in flight could only grow meanwhile: it is the same only when no
// request has begun. A request that has begun just then, while another one ended after the second load of
// `ended`, changes the next reading. Loaded the other way round, a request that ends between the loads would
// be in both numbers of the first reading, and the next one that begins would make the same pair again.
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
  return (slot) => {
    const before = { worker: worker(slot), generation: generation(slot), ended: ended(slot) };
    return { ...before, inFlight: inFlight(slot) };
  };
}
