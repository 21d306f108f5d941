// Picks of a picker, counted.
import { Candidates } from '#src/upstream/candidates.js';
import type { PickerFactory } from '#src/upstream/picker.js';
import { endpoint } from './endpoints.js';

/** @returns how often each of the endpoints with these weights was picked; its slot is its index */
export function tally(factory: PickerFactory, weights: readonly number[], picks: number): readonly number[] {
  const candidates = new Candidates(weights.map((weight, slot) => endpoint(`i${slot}`, { weight, slot })));
  const picker = factory();
  const counts = weights.map(() => 0);
  for (let i = 0; i < picks; i++) counts[picker.pick(candidates).slot]!++;
  return counts;
}
