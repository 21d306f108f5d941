// Memory for the metric series of each slot, beside the block: a SharedArrayBuffer that the primary makes and
// keeps, and that the thread of the slot lets grow where it is, 64 KiB at a time. So each slot takes only as
// much memory as it needs, the primary can read all of it without a message, nothing that a lost thread has
// counted is lost, and the next thread of the slot finds all of it. For the largest size only addresses are
// reserved, no memory.
import { HISTOGRAM_CELLS } from '../layout.js';
import { RenamedCounts } from './renamed-counts.js';

/** The memory of one slot, which can be sent to its thread. */
export type SlotSeries = SharedArrayBuffer;

/**
 * The parts of the memory: the rows of metrics that services declare, and all others. Each part has its own
 * bound, so that neither takes the room of the other, and their rows follow one another as they are made.
 */
export type SeriesPart = 'services' | 'runtime';
/** Bytes of the rows of a part: about 8,500 histograms of services, and 35,000 of the runtime. */
export const PART_BYTES: Readonly<Record<SeriesPart, number>> = { services: 8 << 20, runtime: 32 << 20 };
/** The most that one slot may use. */
export const SERIES_BYTES = PART_BYTES.services + PART_BYTES.runtime;
export const SERIES_STEP = 64 << 10;
/** Bytes before the first row. */
export const SERIES_HEADER = 64;

/**
 * Words of the header. `USED` is the end of the last row in bytes; it is stored last, so other threads see a
 * row complete or not at all. `OWNERS` counts the threads that have taken over the memory: rows stay where
 * they are while a thread has it, but the next thread may write others in the place of rows that were
 * overwritten.
 */
export const [SHAPE, USED, OWNERS] = [0, 1, 2] as const;
/** Every shape of rows has its own number, because threads of two builds must not share rows. */
const SHAPE_VALUE = 0x4d550000 + HISTOGRAM_CELLS;

export class SeriesMemory {
  readonly #bySlot = new Map<number, SlotSeries>();
  /** The counts of renamed rows. All readers share them, so they show the same totals. */
  readonly renamed = new RenamedCounts();

  /** @param slot row of the thread: 0 is the primary's */
  of(slot: number): SlotSeries {
    let memory = this.#bySlot.get(slot);
    if (memory === undefined) {
      memory = new SharedArrayBuffer(SERIES_STEP, { maxByteLength: SERIES_BYTES });
      const head = new Int32Array(memory, 0, 2);
      head[SHAPE] = SHAPE_VALUE;
      head[USED] = SERIES_HEADER;
      this.#bySlot.set(slot, memory);
    }
    return memory;
  }

  /** The memory of every slot that has had a thread. */
  all(): readonly SlotSeries[] {
    return [...this.#bySlot.values()];
  }
}

/** @throws Error for rows of another version of this module */
export function assertShape(memory: SlotSeries): void {
  if (new Int32Array(memory, 0, 2)[SHAPE] !== SHAPE_VALUE) {
    throw new Error('series: laid out by another version of Multilane');
  }
}
