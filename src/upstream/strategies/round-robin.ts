// Endpoints are called one after the other, in proportion to their weights. All threads of the process take
// turns by one count, so that the calls of the process are spread exactly, not only those of each worker.
// Each list has a count of its own: a service, each version of it, and those of them that are not new. A pick
// from what is left for a retry, or beside an open breaker, is drawn: with a turn it would take that of
// another endpoint.
import type { Random } from '../../resilience/policy.js';
import type { Load, PickerFactory, Turns } from '../picker.js';
import { endpointOfKey } from './consistent-hash.js';

export function roundRobinPicker(load: Load & Turns, random: Random): PickerFactory {
  return () => ({
    pickOfKey: (circle, key, admits) => endpointOfKey(circle, key, load, admits),
    pick(candidates) {
      const { endpoints } = candidates;
      const first = endpoints[0]!;
      if (endpoints.length === 1) return first;
      const { turns } = candidates;
      return endpoints[turns === 'drawn' ? candidates.draw(random()) : candidates.inTurn(load.turn(turns))]!;
    },
  });
}
