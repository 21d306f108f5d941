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
//
// Canary: a part of the calls goes to one release. A pick first draws whether it is one of them, and then
// uses the endpoints of that release only, or only the others.

import type { Endpoint } from '../registry/endpoint.js';
import type { Random } from '../resilience/policy.js';
import type { CanaryOptions, PickerName } from '../upstream-options.js';
import { type Circle, within } from './circles.js';
import type { Picker } from './picker.js';
import { type ListOptions, type Prepared, PreparedLists } from './prepared-lists.js';
import { chanceOfKey, except, only, type Release } from './releases.js';

export interface BalancerOptions extends ListOptions {
  readonly random: Random;
}

/** Which endpoints of a service a call may use, and how one of them is chosen. */
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
  /** @default that of the service */
  readonly picker?: PickerName;
}

/** What a pick must avoid, see `pick`. */
interface Avoided {
  readonly tried: ReadonlySet<string>;
  readonly excludes: ((endpoint: Endpoint) => boolean) | undefined;
}

const ANY: Route = {};
const NONE = (): boolean => false;

export class Balancer {
  readonly #options: BalancerOptions;
  readonly #lists: PreparedLists;

  constructor(options: BalancerOptions) {
    this.#options = options;
    this.#lists = new PreparedLists(options);
  }

  /** Whether a service has any instance. */
  knows(service: string, protocol?: Endpoint['protocol']): boolean {
    return this.#options.endpoints(service, protocol).length > 0;
  }

  /** Whether `pick` would find an endpoint that is not excluded. It takes no turn of a picker. */
  has(service: string, excludes: (endpoint: Endpoint) => boolean, route: Route = ANY): boolean {
    const circles = this.#listsOf(service, route)?.circles ?? [];
    return circles.some(({ candidates }) => !candidates.endpoints.every(excludes));
  }

  /**
   * Whether an endpoint that was picked may still be called: it has not left, does not drain, and was not
   * found ill or ejected since.
   */
  offers(endpoint: Endpoint, route: Route = ANY): boolean {
    const { service, protocol } = endpoint;
    const prepared = this.#listsOf(service, { ...route, protocol });
    return prepared !== undefined && this.#lists.lists(prepared, endpoint);
  }

  #listsOf(
    service: string,
    { version, protocol = 'http', overNetwork = false }: Route,
  ): Prepared | undefined {
    const release = version === undefined ? 'any' : only(version);
    return this.#lists.of(service, protocol, release, overNetwork);
  }

  /**
   * @param tried ids of endpoints to avoid as long as there are others: a retry uses another one
   * @param excludes whether an endpoint must not be called (its breaker is open); called at most twice for
   *   each, and twice more where the service has a canary
   * @returns undefined when no endpoint can be called
   */
  pick(
    service: string,
    tried: ReadonlySet<string>,
    excludes?: (endpoint: Endpoint) => boolean,
    route: Route = ANY,
  ): Endpoint | undefined {
    const { version } = route;
    if (version !== undefined) return this.#pickOf(service, only(version), { tried, excludes }, route);
    const canary = this.#lists.upstreamOf(service).canary;
    const avoided = { tried, excludes };
    const drawn = canary === undefined ? undefined : this.#drawnRelease(service, canary, route);
    return (
      (drawn === undefined ? undefined : this.#pickOf(service, drawn, avoided, route, false)) ??
      this.#pickOf(service, 'any', avoided, route)
    );
  }

  /**
   * Draws the release of a pick: the canary, or all others. Where fewer than half of the others are healthy,
   * calls use any instance, as they would without a canary: it alone must not get them all.
   * @returns undefined when any instance may be used
   */
  #drawnRelease(
    service: string,
    { version, share }: CanaryOptions,
    { protocol = 'http', hashKey, overNetwork = false }: Route,
  ): Release | undefined {
    const isUsable = (release: Release): boolean => {
      const prepared = this.#lists.of(service, protocol, release, overNetwork);
      return prepared !== undefined && !prepared.isPanicking && prepared.circles.length > 0;
    };
    const [canary, others] = [only(version), except(version)];
    if (!isUsable(others)) return undefined;
    const chance = hashKey === undefined ? this.#options.random() : chanceOfKey(hashKey);
    return chance < share && isUsable(canary) ? canary : others;
  }

  /** @param mayRepeat whether an endpoint that was tried may be used again when there is no other */
  #pickOf(
    service: string,
    release: Release,
    { tried, excludes }: Avoided,
    { protocol = 'http', hashKey, overNetwork = false, picker: name }: Route,
    mayRepeat = true,
  ): Endpoint | undefined {
    const prepared = this.#lists.of(service, protocol, release, overNetwork);
    if (prepared === undefined || prepared.circles.length === 0) return undefined;
    const picker = name === undefined ? prepared.picker : this.#lists.namedPicker(prepared, name);
    if (hashKey === undefined && tried.size === 0 && excludes === undefined)
      return this.#pickIn(prepared.circles[0]!, picker);
    const pick = (admits: (endpoint: Endpoint) => boolean): Endpoint | undefined =>
      hashKey === undefined
        ? this.#pickNearest(prepared, picker, admits)
        : picker.pickOfKey(this.#lists.hashCircle(prepared), hashKey, admits);
    const isExcluded = excludes ?? NONE;
    const untried = pick((endpoint) => !tried.has(endpoint.id) && !isExcluded(endpoint));
    if (untried !== undefined || tried.size === 0 || !mayRepeat) return untried;
    return pick((endpoint) => !isExcluded(endpoint));
  }

  #pickNearest(
    { circles }: Prepared,
    picker: Picker,
    admits: (endpoint: Endpoint) => boolean,
  ): Endpoint | undefined {
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
}
