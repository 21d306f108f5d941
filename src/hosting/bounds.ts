// Requests that are refused because too much is in flight, counted where that is decided: a handler, too, may
// answer OVERLOADED.
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Clock } from '../memory/clock.js';
import { ConcurrencyCells } from '../memory/concurrency-cell.js';
import type { Recorder } from '../memory/recorder.js';
import { concurrencyRule } from '../resilience/adaptive-limit.js';
import { Admission } from '../resilience/admission.js';
import type { Doors } from '../server/observer.js';
import type { PlacesOf } from '../upstream/bounded.js';

export interface Place {
  readonly block: Block;
  readonly slot: number;
  readonly clock: Clock;
  readonly recorder: Recorder;
}

/** Of requests, and of calls. */
export interface Bounds extends Doors {
  readonly placesOf: PlacesOf;
}

/** @param most MAX_IN_FLIGHT */
export function createBounds({ block, slot, clock, recorder }: Place, most: number, workers: number): Bounds {
  const shed = (reason: string) => recorder.counter('multilane_requests_shed_total', { reason });
  const refused = {
    max_in_flight: shed('max_in_flight'),
    latency: shed('latency'),
    surge: shed('surge'),
    background: shed('background'),
  };
  const bulkheads = new BulkheadCells(block, slot);
  const full = shed('bulkhead');
  const places = (name: string) => ({ permits: bulkheads.of(name), refused: () => full.add() });
  const admission = new Admission({
    cells: new ConcurrencyCells(block, slot, concurrencyRule(most), clock),
    most,
    workers,
    onRefused: (reason) => refused[reason].add(),
  });
  return {
    door: (priority) => admission.door(priority),
    places: (name) => places(`route ${name}`),
    placesOf: (service) => places(`call ${service}`),
  };
}
