// The power of two choices: of two endpoints drawn by weight, the one with fewer calls in flight. Nearly as
// even as always taking the least loaded one, and a thousand callers with the same stale number do not all
// run to the same place. M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
import type { Random } from '../../resilience/policy.js';
import type { Endpoint } from '../endpoint.js';
import type { Load, PickerFactory } from '../picker.js';
import { weightedChoice } from './weighted.js';

/** With equal load, latency decides only beyond this factor: less is noise, and would starve the other one. */
const CLEARLY_SLOWER = 2;

export function p2cPicker(load: Load, random: Random): PickerFactory {
  return () => ({
    pick(candidates) {
      if (candidates.length === 1) return candidates[0]!;
      const first = weightedChoice(candidates, random());
      return better(first, weightedChoice(candidates, random(), first), load);
    },
  });
}

/** `first` unless `second` is less loaded for its weight, or as loaded and clearly faster. */
function better(first: Endpoint, second: Endpoint, load: Load): Endpoint {
  const difference = load.inFlight(first.slot) * second.weight - load.inFlight(second.slot) * first.weight;
  if (difference !== 0) return difference < 0 ? first : second;
  const latency = load.latency(second.slot);
  return latency > 0 && load.latency(first.slot) > CLEARLY_SLOWER * latency ? second : first;
}
