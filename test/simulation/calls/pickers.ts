// The pickers that the simulator compares. Those of src come first; the others are references: what no
// knowledge and perfect knowledge would reach.
import type { Endpoint } from '#src/registry/endpoint.js';
import type { Random } from '#src/resilience/policy.js';
import type { Load, Picker, PickerFactory } from '#src/upstream/picker.js';
import { endpointOfKey } from '#src/upstream/strategies/consistent-hash.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { roundRobinPicker } from '#test/upstream/round-robin.js';

/** What a picker may know. */
export interface PickerSeat {
  /** The load that the process of the caller has measured. */
  readonly load: Load;
  readonly random: Random;
  /** The requests at an instance, of all callers: no caller knows it. */
  readonly truth: (endpoint: Endpoint) => number;
}

export type PickerOf = (seat: PickerSeat) => PickerFactory;

const picking =
  (pickerOf: (seat: PickerSeat) => Picker['pick']): PickerOf =>
  (seat) =>
  () => ({
    pick: pickerOf(seat),
    pickOfKey: (candidates, key, admits) => endpointOfKey(candidates, key, seat.load, admits),
  });

/** The endpoint with the fewest requests; one of them at random. */
function leastLoaded(endpoints: readonly Endpoint[], { truth, random }: PickerSeat): Endpoint {
  let least: Endpoint[] = [];
  let fewest = Number.POSITIVE_INFINITY;
  for (const endpoint of endpoints) {
    const requests = truth(endpoint);
    if (requests > fewest) continue;
    if (requests < fewest) least = [];
    fewest = requests;
    least.push(endpoint);
  }
  return least[Math.floor(random() * least.length)]!;
}

export const PICKERS: Readonly<Record<string, PickerOf>> = {
  p2c: ({ load, random }) => p2cPicker(load, random),
  'round robin': () => roundRobinPicker,
  random: picking(
    ({ random }) =>
      (candidates) =>
        candidates.endpoints[candidates.draw(random())]!,
  ),
  'least loaded': picking(
    (seat) =>
      ({ endpoints }) =>
        leastLoaded(endpoints, seat),
  ),
};
