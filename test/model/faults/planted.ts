// Faults for the checker to find, so that a check that finds nothing says something: each changes a few words
// of the built code, and one of the checks must find it.
import type { Check } from '../check.js';
import type { Patch } from '../small-memory.js';

export interface PlantedFault extends Patch {
  readonly fault: string;
  /** What has to find it. */
  readonly check: Check;
}

export const planted = (
  fault: string,
  check: Check,
  module: Patch['module'],
  from: string,
  to: string,
): PlantedFault => ({ fault, check, module, from, to });
