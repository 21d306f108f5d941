// Which endpoints of a service may be called now, in circles, the nearest first. The balancer keeps them
// until something changes.
import type { Endpoint } from '../registry/endpoint.js';
import { Candidates } from './candidates.js';
import { hashOf } from './hash-circle.js';

const PANIC_BELOW = 0.5;

/** Endpoints that are equally near. */
export interface Circle {
  readonly candidates: Candidates;
  /** The newer ones among them, each with its share; undefined: none. */
  readonly shares: ReadonlyMap<Endpoint, number> | undefined;
  /** The oldest of them, which get the picks that newer ones do not keep. */
  readonly settled: Candidates;
}

/**
 * @param zone of this process; null: none is nearer because of its zone
 * @param overNetwork whether endpoints of this process are no nearer than others
 * @returns the endpoints of this process, those of its zone, and the rest, without circles that are empty
 */
export function nearestFirst(
  endpoints: readonly Endpoint[],
  zone: string | null,
  overNetwork: boolean,
): readonly (readonly Endpoint[])[] {
  const circles: Endpoint[][] = [[], [], []];
  for (const endpoint of endpoints) {
    const near = zone !== null && endpoint.zone === zone;
    circles[!overNetwork && endpoint.local ? 0 : near ? 1 : 2]!.push(endpoint);
  }
  return circles.filter((circle) => circle.length > 0);
}

/** What may be called of the endpoints of a service. */
export interface Callable {
  readonly endpoints: readonly Endpoint[];
  /** Fewer than half are healthy, so health is ignored. */
  readonly isPanicking: boolean;
}

/**
 * @returns the healthy endpoints that are not ejected; when these are too few, all that have been healthy and
 *   do not drain. While this process drains, its services still call each other, so that running requests can
 *   finish.
 */
export function callable(endpoints: readonly Endpoint[], ejected: ReadonlySet<Endpoint>): Callable {
  const staying = endpoints.filter((endpoint) => endpoint.state !== 'draining' || endpoint.local);
  const healthy = staying.filter(
    (endpoint) =>
      !ejected.has(endpoint) &&
      (endpoint.state === 'healthy' || (endpoint.local && endpoint.state === 'draining')),
  );
  const proven = staying.filter(({ state }) => state !== 'starting');
  const known = proven.length > 0 ? proven : staying;
  const isPanicking = healthy.length < PANIC_BELOW * known.length;
  return { endpoints: isPanicking ? known : healthy, isPanicking };
}

/**
 * Shares are relative: if every endpoint is new, the oldest get their full share.
 * @param name what the circle is, the same in all threads; undefined: a part of one, for one pick
 */
export function circleOf(
  endpoints: readonly Endpoint[],
  shares: ReadonlyMap<Endpoint, number>,
  name: string | undefined,
): Circle {
  const turnsOf = (seed: number): number | 'drawn' => (name === undefined ? 'drawn' : hashOf(name, seed));
  const candidates = new Candidates(endpoints, turnsOf(0));
  const shareOf = (endpoint: Endpoint): number => shares.get(endpoint) ?? 1;
  const most = endpoints.reduce((top, endpoint) => Math.max(top, shareOf(endpoint)), 0);
  const settled = endpoints.filter((endpoint) => shareOf(endpoint) === most);
  if (settled.length === endpoints.length) return { candidates, shares: undefined, settled: candidates };
  const others = endpoints.filter((endpoint) => shareOf(endpoint) < most);
  return {
    candidates,
    shares: new Map(others.map((endpoint) => [endpoint, shareOf(endpoint) / most])),
    settled: new Candidates(settled, turnsOf(1)),
  };
}

/** A part of a circle, for one pick. */
export const within = (endpoints: readonly Endpoint[], { candidates, shares }: Circle): Circle =>
  shares === undefined
    ? { candidates: new Candidates(endpoints, 'drawn'), shares, settled: candidates }
    : circleOf(endpoints, shares, undefined);
