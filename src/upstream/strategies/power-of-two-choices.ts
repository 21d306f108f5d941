// The power of two choices: of two endpoints drawn by weight, it picks the one with fewer calls in flight.
// That is nearly as even as always picking the least loaded one, and a thousand callers with the same
// outdated numbers do not all pick the same endpoint. M. Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001.
import type { Random } from '../../resilience/policy.js';
import type { Load, PickerFactory } from '../picker.js';
import { endpointOfKey } from './consistent-hash.js';

/** Below this, differences of latency are noise. */
const NOISE_MICROSECONDS = 1_000;

export function p2cPicker(load: Load, random: Random): PickerFactory {
  return () => ({
    pickOfKey: (circle, key, admits) => endpointOfKey(circle, key, load, admits),
    pick(candidates) {
      const { endpoints } = candidates;
      if (endpoints.length === 1) return endpoints[0]!;
      const drawn = candidates.draw(random());
      const first = endpoints[drawn]!;
      const second = endpoints[candidates.drawOther(random(), drawn)]!;
      // Calls in flight in proportion to the weights.
      const difference =
        load.inFlight(first.slot) * second.weight - load.inFlight(second.slot) * first.weight;
      if (difference !== 0) return difference < 0 ? first : second;
      const now = load.now();
      const kept = chanceOfFirst(load.latency(first.slot, now), load.latency(second.slot, now));
      return kept === 1 || random() < kept ? first : second;
    },
  });
}

/**
 * @returns the probability of picking the first one at equal load, which is smaller the slower it is. It is
 *   never zero: an endpoint without calls would count as slow for ever because of its first response, for
 *   which a connection had to be opened.
 */
function chanceOfFirst(first: number, second: number): number {
  if (first === 0 || second === 0) return 1;
  return Math.min(1, (second + NOISE_MICROSECONDS) / (first + NOISE_MICROSECONDS));
}
