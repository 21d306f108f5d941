// Endpoints as points on a circle of hashes. A key looks at several places of the circle and takes the point
// that follows one of them most closely, which spreads keys as evenly as a hundred points of each endpoint
// would.
//
// B. Appleton, M. O'Reilly, "Multi-probe consistent hashing", 2015.
import type { Endpoint } from '../registry/endpoint.js';

/** Places at which a key looks. */
const PROBES = 21;
const CIRCLE = 2 ** 32;
/** Points of an endpoint, in the mean of all, at most; the one that each has at least may be one more. */
const MEAN_POINTS = 16;
/** More than there are endpoints: a point and the index of its endpoint are one number, for sorting. */
const INDEXES = 2 ** 20;

export class HashCircle {
  readonly endpoints: readonly Endpoint[];
  readonly meanWeight: number;
  /** The index of the endpoint of each point. */
  readonly order: Uint32Array;
  /** Points, in their order. */
  readonly #points: Uint32Array;

  private constructor(endpoints: readonly Endpoint[], points: Uint32Array, order: Uint32Array) {
    this.endpoints = endpoints;
    this.meanWeight = sumOf(endpoints) / endpoints.length;
    this.#points = points;
    this.order = order;
  }

  /** @param endpoints at least one */
  static of(endpoints: readonly Endpoint[]): HashCircle {
    const counts = pointsOfEach(endpoints);
    const size = counts.reduce((sum, count) => sum + count, 0);
    const sorted = new Float64Array(size);
    let end = 0;
    for (const [index, { id }] of endpoints.entries())
      for (let n = 0; n < counts[index]!; n += 1) sorted[end++] = hashOf(id, n) * INDEXES + index;
    sorted.sort();
    const [points, order] = [new Uint32Array(size), new Uint32Array(size)];
    for (let at = 0; at < size; at += 1) {
      const point = Math.floor(sorted[at]! / INDEXES);
      points[at] = point;
      order[at] = sorted[at]! - point * INDEXES;
    }
    return new HashCircle(endpoints, points, order);
  }

  /**
   * @param some at least one of the endpoints of this circle
   * @returns the circle with their points only, which is made without hashing and sorting them again
   */
  among(some: readonly Endpoint[]): HashCircle {
    if (some.length === this.endpoints.length) return this;
    const indexes = new Map(some.map((endpoint, index) => [endpoint, index]));
    const moved = Int32Array.from(this.endpoints, (endpoint) => indexes.get(endpoint) ?? -1);
    const { length } = this.order;
    const [points, order] = [new Uint32Array(length), new Uint32Array(length)];
    let end = 0;
    for (let at = 0; at < length; at += 1) {
      const index = moved[this.order[at]!]!;
      if (index < 0) continue;
      points[end] = this.#points[at]!;
      order[end] = index;
      end += 1;
    }
    return new HashCircle(some, points.subarray(0, end), order.subarray(0, end));
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

/**
 * An endpoint has as many points as its weight is of that of the lightest one. Where these would be too many,
 * the unit of weight is doubled until they are not: so it hardly ever changes when one of many endpoints
 * comes or leaves, which would move keys between the others.
 */
function pointsOfEach(endpoints: readonly Endpoint[]): readonly number[] {
  const most = MEAN_POINTS * endpoints.length;
  const sum = sumOf(endpoints);
  let unit = endpoints.reduce((least, { weight }) => Math.min(least, weight), Number.POSITIVE_INFINITY);
  while (sum / unit > most) unit *= 2;
  return endpoints.map(({ weight }) => Math.max(1, Math.round(weight / unit)));
}

const sumOf = (endpoints: readonly Endpoint[]): number =>
  endpoints.reduce((sum, { weight }) => sum + weight, 0);

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
