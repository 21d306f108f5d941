// The lists that the balancer picks from: for each service, or each release of one, the endpoints that may be
// called, and a picker. They are made again when the registry, an ejection or a share changes.
import { type Endpoint, originOf } from '../registry/endpoint.js';
import type { PickerName, UpstreamOptions, Upstreams } from '../upstream-options.js';
import { type Circle, callable, circleOf, nearestFirst } from './circles.js';
import type { EndpointStatuses } from './endpoint-status.js';
import { HashCircle } from './hash-circle.js';
import type { Picker, PickerFactory } from './picker.js';
import { type Release, Releases } from './releases.js';

export interface ListOptions {
  readonly endpoints: (service: string, protocol?: Endpoint['protocol']) => readonly Endpoint[];
  /** The strategy for services and calls that name none. */
  readonly picker: PickerFactory;
  /**
   * The strategies that services and calls may name.
   * @default `picker` stands for every name
   */
  readonly pickers?: Readonly<Partial<Record<PickerName, PickerFactory>>>;
  /**
   * The options of services.
   * @default none
   */
  readonly upstreams?: Upstreams;
  readonly statuses: EndpointStatuses;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /**
   * The zone of this process; null: no endpoint is nearer because of its zone.
   * @default null
   */
  readonly zone?: string | null;
}

/** The lists of a service, and the values that they were made from. */
export interface Prepared {
  /** What they are for, the same in all threads. */
  readonly name: string;
  readonly service: string;
  readonly release: Release;
  readonly overNetwork: boolean;
  /** That of the service. */
  readonly picker: Picker;
  /** Those that calls have named. */
  readonly named: Map<PickerName, Picker>;
  /** Those that may be called, the near ones and the far ones, for keys; made for the first key. */
  hashCircle: HashCircle | undefined;
  /** Ids and addresses of those that may be called; made when they are asked for. */
  addresses: ReadonlySet<string> | undefined;
  endpoints: readonly Endpoint[];
  version: number;
  /** The time at which the lists are out of date. */
  until: number;
  isPanicking: boolean;
  circles: readonly Circle[];
}

const LEAST_FORGOTTEN = 64;
const NO_ENDPOINTS: readonly Endpoint[] = [];
const NO_UPSTREAM: UpstreamOptions = {};

export class PreparedLists {
  readonly #options: ListOptions;
  readonly #upstreams: ReadonlyMap<string, UpstreamOptions>;
  /**
   * The prepared lists by service, or by service and release; those for calls over the network have a `~`
   * before. Those without endpoints are removed when new ones are added, so there are never more than twice
   * as many as there are in the registry, or `LEAST_FORGOTTEN`.
   */
  readonly #prepared: Readonly<Record<Endpoint['protocol'], Map<string, Prepared>>> = {
    http: new Map(),
    grpc: new Map(),
  };

  readonly #releases = new Releases();
  /** Those of all endpoints of a list, which health, ejections and shares do not change. */
  readonly #hashCircles = new WeakMap<readonly Endpoint[], HashCircle>();
  readonly #forgetAt = { http: LEAST_FORGOTTEN, grpc: LEAST_FORGOTTEN };

  constructor(options: ListOptions) {
    this.#options = options;
    this.#upstreams = new Map(Object.entries(options.upstreams ?? {}));
  }

  /** The options of a service. */
  upstreamOf(service: string): UpstreamOptions {
    return this.#upstreams.size === 0 ? NO_UPSTREAM : (this.#upstreams.get(service) ?? NO_UPSTREAM);
  }

  /**
   * @param overNetwork as in `Route`
   * @returns undefined when there is no endpoint
   */
  of(
    service: string,
    protocol: Endpoint['protocol'],
    release: Release,
    overNetwork: boolean,
  ): Prepared | undefined {
    const endpoints = this.#releases.of(this.#options.endpoints(service, protocol), release);
    if (endpoints.length === 0) return undefined;
    const { statuses, clock } = this.#options;
    const all = this.#prepared[protocol];
    const ofRelease = release === 'any' ? service : `${service} ${release}`;
    const key = overNetwork ? `~${ofRelease}` : ofRelease;
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
      prepared = this.#unprepared({ name: `${protocol} ${key}`, service, release, overNetwork }, version);
      all.set(key, prepared);
    }
    this.#prepare(prepared, endpoints, clock());
    // The version was read before the lists were made, so that the next pick notices a change that came in
    // between. It is stored after them, so that the next pick makes them again if this threw.
    prepared.version = version;
    prepared.endpoints = endpoints;
    return prepared;
  }

  #unprepared(of: Pick<Prepared, 'name' | 'service' | 'release' | 'overNetwork'>, version: number): Prepared {
    return {
      ...of,
      picker: this.#factoryOf(this.upstreamOf(of.service).picker)(),
      named: new Map(),
      hashCircle: undefined,
      addresses: undefined,
      endpoints: NO_ENDPOINTS,
      version,
      until: 0,
      isPanicking: false,
      circles: [],
    };
  }

  /** Looks for services that have left only when there are twice as many as after the last look. */
  #forget(protocol: Endpoint['protocol']): void {
    const all = this.#prepared[protocol];
    if (all.size < this.#forgetAt[protocol]) return;
    const { endpoints } = this.#options;
    for (const [key, { service, release }] of all)
      if (this.#releases.of(endpoints(service, protocol), release).length === 0) all.delete(key);
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
    const may = callable(endpoints, out);
    prepared.hashCircle = undefined;
    prepared.addresses = undefined;
    prepared.until = now + forMs;
    prepared.isPanicking = may.isPanicking;
    const { zone = null } = this.#options;
    prepared.circles = nearestFirst(may.endpoints, zone, prepared.overNetwork).map((circle, nth) =>
      circleOf(circle, shares, `${nth} ${prepared.name}`),
    );
  }

  #factoryOf(name: PickerName | undefined): PickerFactory {
    const { picker, pickers } = this.#options;
    return (name === undefined ? undefined : pickers?.[name]) ?? picker;
  }

  /** Whether the endpoint, at its address, is one of those that may be called. */
  lists(prepared: Prepared, endpoint: Endpoint): boolean {
    prepared.addresses ??= new Set(
      prepared.circles.flatMap(({ candidates }) => candidates.endpoints.map(addressOf)),
    );
    return prepared.addresses.has(addressOf(endpoint));
  }

  /** All endpoints that may be called, for keys; there must be one. */
  hashCircle(prepared: Prepared): HashCircle {
    if (prepared.hashCircle !== undefined) return prepared.hashCircle;
    const { endpoints, circles } = prepared;
    const all = this.#hashCircles.get(endpoints) ?? HashCircle.of(endpoints);
    this.#hashCircles.set(endpoints, all);
    prepared.hashCircle = all.among(circles.flatMap(({ candidates }) => candidates.endpoints));
    return prepared.hashCircle;
  }

  /** The picker of a call that names it. */
  namedPicker({ named }: Prepared, name: PickerName): Picker {
    let picker = named.get(name);
    if (picker === undefined) {
      picker = this.#factoryOf(name)();
      named.set(name, picker);
    }
    return picker;
  }
}

const addressOf = (endpoint: Endpoint): string => `${endpoint.id} ${originOf(endpoint)}`;
