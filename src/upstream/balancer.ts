// The balancer decides which endpoints of a service may be called now, the nearest first; a picker chooses
// among equals.
//
// Health: only endpoints that are healthy and not ejected are called, unless fewer than half of them are
// (panic mode). Then health and ejection are ignored: probes that report most of a service as down are more
// often wrong than right, and the few others would be overloaded. Draining endpoints are never called.
// Endpoints that have never been healthy are neither called nor counted while there is another: a service
// that is scaled up would be in panic mode, and its calls would go to what does not run yet.
// Nearness: this process comes before its zone, and that before the rest; a farther circle is used only when
// no endpoint of the nearer one is left. Slow start: a new endpoint keeps only a share of the picks that
// would choose it; the others go to the oldest endpoints.
//
// The result is kept in lists, which are made again when the registry, an ejection or a share changes.

import type { Endpoint } from '../registry/endpoint.js';
import type { Random } from '../resilience/policy.js';
import { Candidates } from './candidates.js';
import type { Picker, PickerFactory } from './picker.js';

const PANIC_BELOW = 0.5;

/** Which endpoints are ejected and which are new, by slot, the same in all threads. */
export interface EndpointStatuses {
  /** Changes whenever a status changes other than by time. */
  version(): number;
  of(slot: number): EndpointStatus;
}

export interface EndpointStatus {
  /** The share of its picks that the endpoint keeps: 0 while it is ejected, 1 after its slow start. */
  readonly share: number;
  /** Milliseconds until the share changes by time; Infinity: never. */
  readonly forMs: number;
}

export interface BalancerOptions {
  readonly endpoints: (service: string, protocol?: Endpoint['protocol']) => readonly Endpoint[];
  readonly picker: PickerFactory;
  readonly statuses: EndpointStatuses;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly random: Random;
  /**
   * The zone of this process; null: no endpoint is nearer because of its zone.
   * @default null
   */
  readonly zone?: string | null;
}

/** Which endpoints of a service a call may use. */
export interface Route {
  /** @default 'http' */
  readonly protocol?: Endpoint['protocol'];
  /** @default endpoints of any version */
  readonly version?: string;
  /**
   * Calls with the same key go to the same endpoint, from every process: nearness and slow start do not count
   * for them.
   * @default none
   */
  readonly hashKey?: string;
  /**
   * Whether endpoints of this process are no nearer than others.
   * @default false
   */
  readonly overNetwork?: boolean;
}

/** Endpoints that are equally near. */
interface Circle {
  readonly candidates: Candidates;
  /** The newer ones among them, each with its share; undefined: none. */
  readonly shares: ReadonlyMap<Endpoint, number> | undefined;
  /** The oldest of them, which get the picks that newer ones do not keep. */
  readonly settled: Candidates;
}

/** The lists of a service, and the values that they were made from. */
interface Prepared {
  readonly service: string;
  readonly ofVersion: string | undefined;
  readonly overNetwork: boolean;
  readonly picker: Picker;
  /** Those that may be called, the near ones and the far ones; made for the first key. */
  all: Candidates | undefined;
  endpoints: readonly Endpoint[];
  version: number;
  /** The time at which the lists are out of date. */
  until: number;
  circles: readonly Circle[];
}

const LEAST_FORGOTTEN = 64;
const NO_ENDPOINTS: readonly Endpoint[] = [];
const ANY: Route = {};
const NONE = (): boolean => false;

export class Balancer {
  readonly #options: BalancerOptions;
  /**
   * The prepared lists by service, or by service and version; those for calls over the network have a `~`
   * before. Those without endpoints are removed when new ones are added, so there are never more than twice
   * as many as there are in the registry, or `LEAST_FORGOTTEN`.
   */
  readonly #prepared: Readonly<Record<Endpoint['protocol'], Map<string, Prepared>>> = {
    http: new Map(),
    grpc: new Map(),
  };

  /** The endpoints of one version, by the list that they are in. */
  readonly #ofVersion = new WeakMap<readonly Endpoint[], Map<string, readonly Endpoint[]>>();

  readonly #forgetAt = { http: LEAST_FORGOTTEN, grpc: LEAST_FORGOTTEN };

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /** Whether a service has any instance. */
  knows(service: string, protocol?: Endpoint['protocol']): boolean {
    return this.#options.endpoints(service, protocol).length > 0;
  }

  /**
   * @param tried ids of endpoints to avoid as long as there are others: a retry uses another one
   * @param excludes whether an endpoint must not be called (its breaker is open); called at most twice for
   *   each
   * @returns undefined when no endpoint can be called
   */
  pick(
    service: string,
    tried: ReadonlySet<string>,
    excludes?: (endpoint: Endpoint) => boolean,
    { protocol = 'http', version, hashKey, overNetwork = false }: Route = ANY,
  ): Endpoint | undefined {
    const endpoints = this.#endpoints(service, protocol, version);
    if (endpoints.length === 0) return undefined;
    const prepared = this.#preparedFor(service, protocol, version, overNetwork, endpoints);
    if (hashKey !== undefined) return pickOfKey(prepared, hashKey, tried, excludes ?? NONE);
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

  #endpoints(
    service: string,
    protocol: Endpoint['protocol'],
    version: string | undefined,
  ): readonly Endpoint[] {
    const all = this.#options.endpoints(service, protocol);
    if (version === undefined) return all;
    let lists = this.#ofVersion.get(all);
    if (lists === undefined) {
      lists = byVersion(all);
      this.#ofVersion.set(all, lists);
    }
    return lists.get(version) ?? NO_ENDPOINTS;
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

  #preparedFor(
    service: string,
    protocol: Endpoint['protocol'],
    ofVersion: string | undefined,
    overNetwork: boolean,
    endpoints: readonly Endpoint[],
  ): Prepared {
    const { statuses, clock, picker } = this.#options;
    const all = this.#prepared[protocol];
    const ofAny = ofVersion === undefined ? service : `${service} ${ofVersion}`;
    const key = overNetwork ? `~${ofAny}` : ofAny;
    let prepared = all.get(key);
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
      this.#forget(protocol);
      prepared = {
        service,
        ofVersion,
        overNetwork,
        picker: picker(),
        all: undefined,
        endpoints: NO_ENDPOINTS,
        version,
        until: 0,
        circles: [],
      };
      all.set(key, prepared);
    }
    this.#prepare(prepared, endpoints, clock());
    // The version was read before the lists were made, so that the next pick notices a change that came in
    // between. It is stored after them, so that the next pick makes them again if this threw.
    prepared.version = version;
    prepared.endpoints = endpoints;
    return prepared;
  }

  /** Looks for services that have left only when there are twice as many as after the last look. */
  #forget(protocol: Endpoint['protocol']): void {
    const all = this.#prepared[protocol];
    if (all.size < this.#forgetAt[protocol]) return;
    for (const [key, { service, ofVersion }] of all)
      if (this.#endpoints(service, protocol, ofVersion).length === 0) all.delete(key);
    this.#forgetAt[protocol] = Math.max(LEAST_FORGOTTEN, 2 * all.size);
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
    prepared.all = undefined;
    prepared.until = now + forMs;
    prepared.circles = this.#nearestFirst(callable(endpoints, out), prepared.overNetwork).map((circle) =>
      circleOf(circle, shares),
    );
  }

  #nearestFirst(endpoints: readonly Endpoint[], overNetwork: boolean): readonly (readonly Endpoint[])[] {
    const { zone = null } = this.#options;
    const circles: Endpoint[][] = [[], [], []];
    for (const endpoint of endpoints) {
      const near = zone !== null && endpoint.zone === zone;
      circles[!overNetwork && endpoint.local ? 0 : near ? 1 : 2]!.push(endpoint);
    }
    return circles.filter((circle) => circle.length > 0);
  }
}

function byVersion(endpoints: readonly Endpoint[]): Map<string, readonly Endpoint[]> {
  const lists = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    if (endpoint.version === null) continue;
    const list = lists.get(endpoint.version);
    if (list === undefined) lists.set(endpoint.version, [endpoint]);
    else list.push(endpoint);
  }
  return lists;
}

/** An endpoint that was tried is used again when there is no other. */
function pickOfKey(
  prepared: Prepared,
  key: string,
  tried: ReadonlySet<string>,
  excludes: (endpoint: Endpoint) => boolean,
): Endpoint | undefined {
  const { circles, picker } = prepared;
  if (circles.length === 0) return undefined;
  prepared.all ??= new Candidates(circles.flatMap(({ candidates }) => candidates.endpoints));
  const untried = (one: Endpoint): boolean => !tried.has(one.id) && !excludes(one);
  return (
    picker.pickOfKey(prepared.all, key, untried) ??
    picker.pickOfKey(prepared.all, key, (one) => !excludes(one))
  );
}

/** Shares are relative: if every endpoint is new, the oldest get their full share. */
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

/** A part of a circle, for one pick. */
const within = (endpoints: readonly Endpoint[], { candidates, shares }: Circle): Circle =>
  shares === undefined
    ? { candidates: new Candidates(endpoints), shares, settled: candidates }
    : circleOf(endpoints, shares);

/**
 * @returns the healthy endpoints that are not ejected; when these are too few, all that have been healthy and
 *   do not drain. While this process drains, its services still call each other, so that running requests can
 *   finish.
 */
function callable(endpoints: readonly Endpoint[], ejected: ReadonlySet<Endpoint>): readonly Endpoint[] {
  const staying = endpoints.filter((endpoint) => endpoint.state !== 'draining' || endpoint.local);
  const healthy = staying.filter(
    (endpoint) =>
      !ejected.has(endpoint) &&
      (endpoint.state === 'healthy' || (endpoint.local && endpoint.state === 'draining')),
  );
  const proven = staying.filter(({ state }) => state !== 'starting');
  const known = proven.length > 0 ? proven : staying;
  return healthy.length < PANIC_BELOW * known.length ? known : healthy;
}
