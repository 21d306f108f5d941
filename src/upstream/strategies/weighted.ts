// With chance proportional to weight, whatever the load.
import type { Random } from '../../resilience/policy.js';
import type { PickerFactory } from '../picker.js';

export function weightedPicker(random: Random): PickerFactory {
  return () => ({ pick: (candidates) => candidates.endpoints[candidates.draw(random())]! });
}
