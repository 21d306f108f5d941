// The power of two choices: of two endpoints drawn by weight, the one with fewer calls in flight. Nearly as
// even as always taking the least loaded one, and a thousand callers with the same stale number do not all
// run to the same place. M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
import type { Random } from '../../resilience/policy.js';
import type { Load, PickerFactory } from '../picker.js';

/** Below this, differences of latency are noise. */
const NOISE_MICROSECONDS = 1_000;

export function p2cPicker(load: Load, random: Random): PickerFactory {
  return () => ({
    pick(candidates) {
      const { endpoints } = candidates;
      if (endpoints.length === 1) return endpoints[0]!;
      const drawn = candidates.draw(random());
      const first = endpoints[drawn]!;
      const second = endpoints[candidates.drawOther(random(), drawn)]!;
      // Calls in flight, each for its weight.
      const difference =
        load.inFlight(first.slot) * second.weight - load.inFlight(second.slot) * first.weight;
      if (difference !== 0) return difference < 0 ? first : second;
      const now = load.now();
      const kept = keeps(load.latency(first.slot, now), load.latency(second.slot, now));
      return kept === 1 || random() < kept ? first : second;
    },
  });
}

/**
 * With equal load the chance of the first is the smaller the slower it is. Not zero: an endpoint that nobody
 * asks would be called slow forever because of its first answer, which had to open a connection.
 */
function keeps(first: number, second: number): number {
  if (first === 0 || second === 0) return 1;
  return Math.min(1, (second + NOISE_MICROSECONDS) / (first + NOISE_MICROSECONDS));
}
