// A picker with predictable picks, for tests of what is decided around a picker: one endpoint after the other
// in the order of their ids. It remembers the id of the last pick, not an index: an index loses its meaning
// whenever the list of candidates changes.
import type { Endpoint } from '#src/registry/endpoint.js';
import type { PickerFactory } from '#src/upstream/picker.js';
import { endpointOfKey } from '#src/upstream/strategies/consistent-hash.js';

const WITHOUT_CALLS = { inFlight: () => 0, latency: () => 0, now: () => 0 };

export const roundRobinPicker: PickerFactory = () => {
  let last: string | undefined;
  return {
    pickOfKey: (circle, key, admits) => endpointOfKey(circle, key, WITHOUT_CALLS, admits),
    pick({ endpoints }) {
      let first: Endpoint | undefined;
      let next: Endpoint | undefined;
      for (const candidate of endpoints) {
        if (first === undefined || candidate.id < first.id) first = candidate;
        if (last === undefined || candidate.id <= last) continue;
        if (next === undefined || candidate.id < next.id) next = candidate;
      }
      const chosen = (next ?? first)!;
      last = chosen.id;
      return chosen;
    },
  };
};
