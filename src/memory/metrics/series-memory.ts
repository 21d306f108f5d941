// Memory for the metric series of each slot, beside the block: a SharedArrayBuffer that the primary makes and
// keeps, and that the thread of the slot lets grow where it is, 64 KiB at a time. So memory follows use, the
// primary has every byte of it without being sent anything, a thread that is lost loses nothing it has
// counted, and the next thread of the slot finds it all. Only addresses are reserved for what it may grow to.
import { HISTOGRAM_CELLS } from '../layout.js';

/** Memory of one slot. Can be handed to its thread. */
export type SlotSeries = SharedArrayBuffer;

/** The most that one slot may use: rows for about 35,000 histograms. */
export const SERIES_BYTES = 32 << 20;
export const SERIES_STEP = 64 << 10;
/** Bytes before the first row. */
export const SERIES_HEADER = 64;

/**
 * Words of the header. `USED` is the end of the last row in bytes; stored last, so a row is seen whole or not
 * at all.
 */
export const [SHAPE, USED] = [0, 1] as const;
/** Another number for another shape of rows. Threads of two builds must not share them. */
const SHAPE_VALUE = 0x4d540000 + HISTOGRAM_CELLS;

export class SeriesMemory {
  readonly #bySlot = new Map<number, SlotSeries>();

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
