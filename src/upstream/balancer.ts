// Which endpoints of a service may be called now, the nearest first; a picker chooses among equals.
//
// Health: only those that are healthy and not ejected, unless fewer than half of them are (panic mode). Then
// both are ignored: probes that see most of a service down are more often wrong about it than right, and the
// few that are left would drown. What drains is never called. Nearness: this process before its zone before
// the rest; the next circle only when the nearer one has nobody left. Slow start: what has just come keeps
// only a share of the picks it wins; the others go to who is there longest.
//
// All of that is made into lists once, and again when the registry or an ejection changes, or time says so.

import type { Endpoint } from '../registry/endpoint.js';
import type { Random } from '../resilience/policy.js';
import { Candidates } from './candidates.js';
import type { Picker, PickerFactory } from './picker.js';

const PANIC_BELOW = 0.5;

/** Who is ejected and who has just come, by slot, as all threads see it. */
export interface EndpointStatuses {
  /** Another one whenever somebody's statuses changes other than by time. */
  version(): number;
  of(slot: number): EndpointStatus;
}

export interface EndpointStatus {
  /** Of the picks it wins, those it keeps: 0 while it is ejected, 1 when it is there long enough. */
  readonly share: number;
  /** Milliseconds until time changes it; Infinity: never. */
  readonly forMs: number;
}

export interface BalancerOptions {
  readonly endpoints: (service: string) => readonly Endpoint[];
  readonly picker: PickerFactory;
  readonly statuses: EndpointStatuses;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly random: Random;
  /** Zone of this process; null: nobody is nearer for its zone. */
  readonly zone?: string | null;
  /** False sends even calls to own services over the network. Default true. */
  readonly preferLocal?: boolean;
}

/** Equals: every one of them is as good as the others. */
interface Circle {
  readonly candidates: Candidates;
  /** Those among them that have come later, each with its share; undefined: none. */
  readonly shares: ReadonlyMap<Endpoint, number> | undefined;
  /** The others. */
  readonly settled: Candidates;
}

/** What is made for a service, and what it was made from. */
interface Prepared {
  readonly picker: Picker;
  endpoints: readonly Endpoint[];
  version: number;
  /** Of the clock. */
  until: number;
  circles: readonly Circle[];
}

const NOBODY: readonly Endpoint[] = [];

export class Balancer {
  readonly #options: BalancerOptions;
  /**
   * Services that have lost their last endpoint go when another one comes, so the registry bounds their
   * number.
   */
  readonly #prepared = new Map<string, Prepared>();

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /** Whether a service has any instance. */
  knows(service: string): boolean {
    return this.#options.endpoints(service).length > 0;
  }

  /**
   * @param tried endpoints to avoid as long as there are others (a retry goes elsewhere)
   * @param excludes tells which must not be called (their breaker is open); asked at most twice about each
   * @returns undefined when there is nobody to call
   */
  pick(
    service: string,
    tried: ReadonlySet<string>,
    excludes?: (endpoint: Endpoint) => boolean,
  ): Endpoint | undefined {
    const endpoints = this.#options.endpoints(service);
    if (endpoints.length === 0) return undefined;
    const prepared = this.#preparedFor(service, endpoints);
    if (tried.size === 0 && excludes === undefined) {
      const nearest = prepared.circles[0];
      return nearest === undefined ? undefined : this.#pickIn(nearest, prepared.picker);
    }
    return (
      this.#pickNearest(prepared, (endpoint) => !tried.has(endpoint.id) && excludes?.(endpoint) !== true) ??
      (tried.size === 0
        ? undefined
        : this.#pickNearest(prepared, (endpoint) => excludes?.(endpoint) !== true))
    );
  }

  #pickNearest({ circles, picker }: Prepared, admits: (endpoint: Endpoint) => boolean): Endpoint | undefined {
    for (const circle of circles) {
      const left = circle.candidates.endpoints.filter(admits);
      if (left.length === 0) continue;
      return this.#pickIn(
        left.length === circle.candidates.endpoints.length ? circle : within(left, circle),
        picker,
      );
    }
    return undefined;
  }

  #pickIn({ candidates, shares, settled }: Circle, picker: Picker): Endpoint {
    const picked = picker.pick(candidates);
    if (shares === undefined) return picked;
    return this.#options.random() < (shares.get(picked) ?? 1) ? picked : picker.pick(settled);
  }

  #preparedFor(service: string, endpoints: readonly Endpoint[]): Prepared {
    const { statuses, clock, picker } = this.#options;
    let prepared = this.#prepared.get(service);
    const version = statuses.version();
    if (
      prepared !== undefined &&
      prepared.endpoints === endpoints &&
      prepared.version === version &&
      (prepared.until === Number.POSITIVE_INFINITY || clock() < prepared.until)
    ) {
      return prepared;
    }
    if (prepared === undefined) {
      this.#forget();
      prepared = { picker: picker(), endpoints: NOBODY, version, until: 0, circles: [] };
      this.#prepared.set(service, prepared);
    }
    this.#prepare(prepared, endpoints, clock());
    // Read before the list was made, so the next pick sees what has changed meanwhile; written behind it, in
    // case it threw.
    prepared.version = version;
    prepared.endpoints = endpoints;
    return prepared;
  }

  #forget(): void {
    for (const service of this.#prepared.keys()) if (!this.knows(service)) this.#prepared.delete(service);
  }

  #prepare(prepared: Prepared, endpoints: readonly Endpoint[], now: number): void {
    const { statuses } = this.#options;
    const shares = new Map<Endpoint, number>();
    const out = new Set<Endpoint>();
    let forMs = Number.POSITIVE_INFINITY;
    for (const endpoint of endpoints) {
      const { share, forMs: own } = statuses.of(endpoint.slot);
      if (share === 0) out.add(endpoint);
      else if (share < 1) shares.set(endpoint, share);
      forMs = Math.min(forMs, own);
    }
    prepared.until = now + forMs;
    prepared.circles = this.#nearestFirst(callable(endpoints, out)).map((circle) => circleOf(circle, shares));
  }

  #nearestFirst(endpoints: readonly Endpoint[]): readonly (readonly Endpoint[])[] {
    const { zone = null, preferLocal = true } = this.#options;
    const circles: Endpoint[][] = [[], [], []];
    for (const endpoint of endpoints) {
      const near = zone !== null && endpoint.zone === zone;
      circles[preferLocal && endpoint.local ? 0 : near ? 1 : 2]!.push(endpoint);
    }
    return circles.filter((circle) => circle.length > 0);
  }
}

/** Shares count by comparison: when all have just come, those that are there longest get what they win. */
function circleOf(endpoints: readonly Endpoint[], shares: ReadonlyMap<Endpoint, number>): Circle {
  const candidates = new Candidates(endpoints);
  const shareOf = (endpoint: Endpoint): number => shares.get(endpoint) ?? 1;
  const most = endpoints.reduce((top, endpoint) => Math.max(top, shareOf(endpoint)), 0);
  const settled = endpoints.filter((endpoint) => shareOf(endpoint) === most);
  if (settled.length === endpoints.length) return { candidates, shares: undefined, settled: candidates };
  const others = endpoints.filter((endpoint) => shareOf(endpoint) < most);
  return {
    candidates,
    shares: new Map(others.map((endpoint) => [endpoint, shareOf(endpoint) / most])),
    settled: new Candidates(settled),
  };
}

/** Some of a circle, for one pick. */
const within = (endpoints: readonly Endpoint[], { candidates, shares }: Circle): Circle =>
  shares === undefined
    ? { candidates: new Candidates(endpoints), shares, settled: candidates }
    : circleOf(endpoints, shares);

/**
 * The healthy ones that are not ejected, or all that do not drain when too few are. While this process drains
 * its own services go on for each other: that is how what is in hand gets finished.
 */
function callable(endpoints: readonly Endpoint[], ejected: ReadonlySet<Endpoint>): readonly Endpoint[] {
  const staying = endpoints.filter((endpoint) => endpoint.state !== 'draining' || endpoint.local);
  const healthy = staying.filter(
    (endpoint) =>
      !ejected.has(endpoint) &&
      (endpoint.state === 'healthy' || (endpoint.local && endpoint.state === 'draining')),
  );
  return healthy.length < PANIC_BELOW * staying.length ? staying : healthy;
}
