// The pickers that the simulator compares. Those of src come first; the others are references: what no
// knowledge and perfect knowledge would reach.
import type { Endpoint } from '#src/registry/endpoint.js';
import type { Random } from '#src/resilience/policy.js';
import type { Picker, PickerFactory, ReportedLoad, Turns } from '#src/upstream/picker.js';
import { pickersOf } from '#src/upstream/pickers.js';
import { endpointOfKey } from '#src/upstream/strategies/consistent-hash.js';
import type { PickerName } from '#src/upstream-options.js';

/** What a picker may know. */
export interface PickerSeat {
  /** The load that the process of the caller has measured, and what instances have reported. */
  readonly load: ReportedLoad & Turns;
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
    pickOfKey: (circle, key, admits) => endpointOfKey(circle, key, seat.load, admits),
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

const named =
  (name: PickerName): PickerOf =>
  ({ load, random }) =>
    pickersOf(load, random)[name];

export const PICKERS: Readonly<Record<string, PickerOf>> = {
  p2c: named('p2c'),
  prequal: named('prequal'),
  'round-robin': named('round-robin'),
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
