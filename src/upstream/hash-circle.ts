// Endpoints as points on a circle of hashes. A key looks at several places of the circle and takes the point
// that follows one of them most closely, which spreads keys as evenly as a hundred points of each endpoint
// would.
//
// B. Appleton, M. O'Reilly, "Multi-probe consistent hashing", 2015.
import type { Endpoint } from '../registry/endpoint.js';

/** Places at which a key looks. */
const PROBES = 21;
const CIRCLE = 2 ** 32;
/** The most points of an endpoint. */
const MOST_POINTS = 100;

export class HashCircle {
  /** The index of the endpoint of each point. */
  readonly order: Uint32Array;
  readonly meanWeight: number;
  /** Points, in their order. */
  readonly #points: Uint32Array;

  /** An endpoint has as many points as its weight is of that of the lightest one. */
  constructor(endpoints: readonly Endpoint[]) {
    const lightest = endpoints.reduce(
      (least, { weight }) => Math.min(least, weight),
      Number.POSITIVE_INFINITY,
    );
    const all = endpoints.flatMap(({ id, weight }, index) => {
      const count = Math.min(MOST_POINTS, Math.max(1, Math.round(weight / lightest)));
      return Array.from({ length: count }, (_, n) => ({ point: hashOf(id, n), index }));
    });
    all.sort((a, b) => a.point - b.point || a.index - b.index);
    this.#points = Uint32Array.from(all, ({ point }) => point);
    this.order = Uint32Array.from(all, ({ index }) => index);
    this.meanWeight = endpoints.reduce((sum, { weight }) => sum + weight, 0) / endpoints.length;
  }

  /** @returns the place in `order` of the point that follows one of the places of the key most closely */
  nearest(key: string): number {
    let best = 0;
    let least = CIRCLE;
    for (let probe = 1; probe <= PROBES; probe += 1) {
      const place = hashOf(key, probe);
      const at = this.#following(place);
      const distance = (this.#points[at]! - place + CIRCLE) % CIRCLE;
      if (distance >= least) continue;
      least = distance;
      best = at;
    }
    return best;
  }

  /** @returns the first point that is not before the place; after the last one comes the first */
  #following(place: number): number {
    const points = this.#points;
    let [low, high] = [0, points.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (points[middle]! < place) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }
}

/** MurmurHash3 of the code units of a text (A. Appleby, public domain), which has no secret. */
export function hashOf(text: string, seed: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1);
  for (let at = 0; at < text.length; at += 1) {
    let unit = Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    unit = Math.imul((unit << 15) | (unit >>> 17), 0x1b873593);
    hash ^= unit;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
