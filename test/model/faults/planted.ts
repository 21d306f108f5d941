// Faults that the checker must find, which proves that a check can fail: each changes a few words
// of the built code, and one of the checks must find it.
import type { Check } from '../check.js';
import type { Patch } from '../small-memory.js';

export interface PlantedFault extends Patch {
  readonly fault: string;
  /** The check that must find the fault. */
  readonly check: Check;
}

export const planted = (
  fault: string,
  check: Check,
  module: Patch['module'],
  from: string,
  to: string,
): PlantedFault => ({ fault, check, module, from, to });
