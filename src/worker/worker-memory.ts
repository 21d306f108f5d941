// The shared memory of the process, as one worker uses it.
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import type { SeriesTable } from '../memory/metrics/series.js';

export interface WorkerMemory {
  readonly block: Block;
  /** The worker's row in the tables that have one row for each thread. */
  readonly slot: number;
  /** The clock that all threads of the process share. */
  readonly clock: Clock;
  /** The metric series of this worker. */
  readonly recorder: SeriesTable;
}
