// The one brain: shared memory, and the primary's own hands on it.
import { rowsFor } from '../cluster/slots.js';
import { Block } from '../memory/block.js';
import { BreakerCells } from '../memory/breaker-cell.js';
import { type Clock, sharedClock } from '../memory/clock.js';
import { EndpointCells } from '../memory/endpoint-cells.js';
import type { Recorder } from '../memory/recorder.js';
import { SeriesTable } from '../memory/series.js';
import { Switches } from '../memory/switches.js';
import { DEFAULT_TRIP_RULE } from '../resilience/trip-rules.js';

export interface Brain {
  readonly block: Block;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly switches: Switches;
  readonly load: EndpointCells;
  readonly breakers: BreakerCells;
}

export function createBrain(workers: number): Brain {
  const block = Block.create({ workers: rowsFor(workers) });
  const clock = sharedClock(block);
  return {
    block,
    clock,
    recorder: new SeriesTable(block, 0),
    switches: new Switches(block),
    load: new EndpointCells(block, 0, clock),
    breakers: new BreakerCells(block, 0, DEFAULT_TRIP_RULE, clock),
  };
}
