// The routes of the process, for the views that list all of them or add them up: those that workers have and
// those that have had requests. There may be thousands, so they are put together in turns of the event loop,
// and again only when there are others.
import { eachInTurns } from '../../telemetry/pace.js';
import type { RouteTraffic, Traffic } from './traffic.js';

/** A route that workers have, as the operator's switches know it. */
export interface KnownRoute {
  readonly service: string | null;
  readonly method: string;
  /** The template. */
  readonly route: string;
  readonly state: 'on' | 'off';
}

/** A route that has had requests, or that workers have, or both. */
export interface Candidate {
  /** `METHOD template` */
  readonly key: string;
  readonly method: string;
  readonly route: string;
  readonly traffic: RouteTraffic | undefined;
  readonly known: KnownRoute | undefined;
}

interface Kept {
  readonly known: readonly KnownRoute[];
  readonly traffic: Traffic;
  readonly withTraffic: number;
  readonly all: Promise<readonly Candidate[]>;
}

export class RouteCandidates {
  readonly #known: () => readonly KnownRoute[];
  #kept: Kept | undefined;

  /** @param known returns the same array until something has changed */
  constructor(known: () => readonly KnownRoute[]) {
    this.#known = known;
  }

  /** All routes: the same array as long as there are no others. */
  of(traffic: Traffic): Promise<readonly Candidate[]> {
    const known = this.#known();
    const { size: withTraffic } = traffic.routes();
    const kept = this.#kept;
    if (kept?.known === known && kept.traffic === traffic && kept.withTraffic === withTraffic)
      return kept.all;
    const all = candidatesOf(traffic, known);
    this.#kept = { known, traffic, withTraffic, all };
    return all;
  }
}

async function candidatesOf(traffic: Traffic, known: readonly KnownRoute[]): Promise<readonly Candidate[]> {
  const byKey = new Map<string, Candidate>();
  await eachInTurns(known, (one) => {
    const { method, route } = one;
    const key = `${method} ${route}`;
    byKey.set(key, { key, method, route, traffic: undefined, known: one });
  });
  await eachInTurns(traffic.routes(), ([key, seen]) => {
    const { method, route } = seen;
    byKey.set(key, { key, method, route, traffic: seen, known: byKey.get(key)?.known });
  });
  return [...byKey.values()];
}
