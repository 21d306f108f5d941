// The one brain: shared memory, and the primary's own hands on it.
import { rowsFor } from '../cluster/slots.js';
import type { Settings } from '../config.js';
import { Block } from '../memory/block.js';
import { BreakerCells } from '../memory/breaker-cell.js';
import { type Clock, sharedClock } from '../memory/clock.js';
import { EjectionCells } from '../memory/ejection-cells.js';
import { EndpointCells } from '../memory/endpoint-cells.js';
import type { Recorder } from '../memory/recorder.js';
import { SeriesTable } from '../memory/series.js';
import { Switches } from '../memory/switches.js';
import { ejectionRule } from '../resilience/ejection.js';
import { tripRule } from '../resilience/trip-rules.js';
import { restingBreakers } from '../upstream/outliers.js';
import type { TransitionEvents } from '../upstream/transition-log.js';

export interface Brain {
  readonly block: Block;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly switches: Switches;
  readonly load: EndpointCells;
  readonly breakers: BreakerCells;
  readonly ejections: EjectionCells;
}

export function createBrain(
  settings: Pick<Settings, 'workers' | 'breakerOpenMs' | 'slowCallMs' | 'ejectionMs'>,
  events: TransitionEvents,
): Brain {
  const { workers, breakerOpenMs: openMs, slowCallMs, ejectionMs } = settings;
  const block = Block.create({ workers: rowsFor(workers) });
  const clock = sharedClock(block);
  const breakers = new BreakerCells(block, 0, tripRule({ openMs, slowCallMs }), clock, events.breaker);
  return {
    block,
    clock,
    recorder: new SeriesTable(block, 0),
    switches: new Switches(block),
    load: new EndpointCells(block, 0, clock),
    breakers,
    ejections: new EjectionCells(block, ejectionRule(ejectionMs), clock, restingBreakers(breakers, events)),
  };
}
