// Requests that are refused because too much is in flight, counted where that is decided: a handler, too, may
// answer OVERLOADED.
import type { Settings } from '../config.js';
import { AdmissionCells } from '../memory/admission-cells.js';
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Counter, Recorder } from '../memory/recorder.js';
import { Admission, REFUSALS, type Refusal } from '../resilience/admission.js';
import type { Doors } from '../server/observer.js';
import type { PlacesOf } from '../upstream/bounded.js';

export interface Place {
  readonly block: Block;
  readonly slot: number;
  readonly recorder: Recorder;
}

/** Of requests, and of calls. */
export interface Bounds extends Doors {
  readonly placesOf: PlacesOf;
  /** Call about every 50 ms. */
  beat(): void;
}

export function createBounds(
  { block, slot, recorder }: Place,
  { maxInFlight, adaptiveLimit }: Pick<Settings, 'maxInFlight' | 'adaptiveLimit'>,
): Bounds {
  const shed = (reason: string) => recorder.counter('multilane_requests_shed_total', { reason });
  const refused = Object.fromEntries(REFUSALS.map((reason) => [reason, shed(reason)])) as Record<
    Refusal,
    Counter
  >;
  const bulkheads = new BulkheadCells(block, slot);
  const full = shed('bulkhead');
  const places = (name: string) => ({ permits: bulkheads.of(name), refused: () => full.add() });
  const cells = new AdmissionCells(block, slot);
  const admission = new Admission({
    cells,
    onRefused: (reason) => refused[reason].add(),
    most: maxInFlight,
    isAdaptive: adaptiveLimit,
  });
  return {
    door: (priority, name) => admission.door(priority, name),
    beat: () => admission.beat(),
    places: (name) => places(`route ${name}`),
    placesOf: (service) => places(`call ${service}`),
  };
}
