// Consistent hashing with bounded loads: calls with the same key go to the same endpoint, and when an
// endpoint comes or leaves, only its share of the keys moves.
//
// V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.
import type { Endpoint } from '../../registry/endpoint.js';
import { type HashCircle, hashOf } from '../hash-circle.js';
import type { Load } from '../picker.js';

/** An endpoint gets no more calls than this many times the mean, and one. */
const MOST_LOAD = 1.25;
/** The mean is estimated from this many endpoints when there are more. */
const SAMPLES = 64;

/**
 * @param admits whether the endpoint may get the call; called at most once for each
 * @returns the first endpoint of the key that has room; the one with the fewest calls when none has;
 *   undefined when none is admitted
 */
export function endpointOfKey(
  circle: HashCircle,
  key: string,
  load: Load,
  admits: (endpoint: Endpoint) => boolean,
): Endpoint | undefined {
  const { endpoints, order } = circle;
  const most = (MOST_LOAD * meanLoad(endpoints, load, hashOf(key, 0)) + 1) / circle.meanWeight;
  let idlest: Endpoint | undefined;
  let least = Number.POSITIVE_INFINITY;
  /** By index, those that cannot have the call; an endpoint may have several points. */
  let passed: Uint8Array | undefined;
  let left = endpoints.length;
  for (let at = circle.nearest(key); left > 0; at = at + 1 < order.length ? at + 1 : 0) {
    const index = order[at]!;
    if (passed?.[index] === 1) continue;
    const endpoint = endpoints[index]!;
    if (admits(endpoint)) {
      const calls = load.inFlight(endpoint.slot) / endpoint.weight;
      if (calls < most) return endpoint;
      if (calls < least) [idlest, least] = [endpoint, calls];
    }
    passed ??= new Uint8Array(endpoints.length);
    passed[index] = 1;
    left -= 1;
  }
  return idlest;
}

/** Calls in flight of an endpoint, in the mean; of many endpoints, estimated. */
function meanLoad(endpoints: readonly Endpoint[], load: Load, from: number): number {
  const count = Math.min(endpoints.length, SAMPLES);
  const stride = Math.max(1, Math.floor(endpoints.length / count));
  let sum = 0;
  for (let n = 0; n < count; n += 1)
    sum += load.inFlight(endpoints[(from + n * stride) % endpoints.length]!.slot);
  return sum / count;
}
