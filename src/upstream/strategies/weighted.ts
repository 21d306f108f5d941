// With chance proportional to weight, whatever the load.
import type { Random } from '../../resilience/policy.js';
import type { Endpoint } from '../endpoint.js';
import type { PickerFactory } from '../picker.js';

export function weightedPicker(random: Random): PickerFactory {
  return () => ({ pick: (candidates) => weightedChoice(candidates, random()) });
}

/**
 * @param chance uniform in [0, 1)
 * @param except left out; there must be another one
 */
export function weightedChoice(candidates: readonly Endpoint[], chance: number, except?: Endpoint): Endpoint {
  let total = 0;
  for (const candidate of candidates) if (candidate !== except) total += candidate.weight;
  let left = chance * total;
  let chosen: Endpoint | undefined;
  for (const candidate of candidates) {
    if (candidate === except) continue;
    chosen = candidate;
    left -= candidate.weight;
    if (left < 0) break;
  }
  return chosen!;
}
