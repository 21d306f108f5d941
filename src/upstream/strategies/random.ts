// Every endpoint with equal chance, whatever its weight or load.
import type { Random } from '../../resilience/policy.js';
import type { PickerFactory } from '../picker.js';

export function randomPicker(random: Random): PickerFactory {
  return () => ({ pick: ({ endpoints }) => endpoints[Math.floor(random() * endpoints.length)]! });
}
