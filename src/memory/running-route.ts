// The word in which a worker publishes the route whose code runs now (`workerCurrentRoute`), and how the
// primary reads it to find out which routes use the CPU.
//
//   bits 0..11   number of the route, 0 for none: see route-names.ts
//   bit 12       1 for a continuation: code that goes on behind an `await`. No time is stored for it.
import type { Block } from './block.js';
import { readWide } from './metrics/wide.js';
import { OTHER_ROUTES } from './route-names.js';

const CONTINUATION = 0x1000;

/** The word of a continuation. @param route its number; 0: the word is 0 as well */
export const continued = (route: number): number => (route === 0 ? 0 : route | CONTINUATION);

export const isContinued = (word: number): boolean => (word & CONTINUATION) !== 0;

/** The number of the route in a word. */
export const routeIn = (word: number): number => word & OTHER_ROUTES;

/** What the threads in the slots 1 to `slots` do now. Reading it makes no objects. */
export interface SlotActivity {
  readonly slots: number;
  /** Differs for any two threads that have the slot, one after the other; 0 while none has it. */
  thread(slot: number): number;
  /** Number of the route whose code runs in the slot now, 0 for none. */
  route(slot: number): number;
  /** Requests that have begun and not ended. */
  inFlight(slot: number): number;
  /** Requests that have ended, those of earlier threads included. */
  ended(slot: number): number;
  /** Microseconds of CPU time, published four times a second. It never falls. */
  cpuUs(slot: number): number;
}

export function slotActivity(block: Block): SlotActivity {
  const worker = block.table('workerId');
  const generation = block.table('workerGeneration');
  const route = block.table('workerCurrentRoute');
  const inFlight = block.table('workerInFlight');
  const ended = block.table('workerRequests');
  const cpu = block.table('workerCpuTime');
  return {
    slots: block.workers,
    thread: (slot) => {
      const id = Atomics.load(worker.words, slot * worker.stride);
      return id === 0 ? 0 : id * 2 ** 32 + (Atomics.load(generation.words, slot * generation.stride) >>> 0);
    },
    route: (slot) => routeIn(Atomics.load(route.words, slot * route.stride)),
    inFlight: (slot) => Atomics.load(inFlight.words, slot * inFlight.stride),
    ended: (slot) => readWide(ended.words, slot * ended.stride),
    cpuUs: (slot) => readWide(cpu.words, slot * cpu.stride),
  };
}
