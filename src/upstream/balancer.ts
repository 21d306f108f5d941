// Which endpoints of a service may be called now, the nearest first; a picker chooses among equals.
//
// Health: only healthy ones, unless fewer than half of them are (panic mode). Then health is ignored: probes
// that see most of a service down are more often wrong about it than right, and the few that are left would
// drown. What drains is never called.
// Nearness: this process before its zone before the rest; the next circle only when the nearer one has
// nobody left.
import type { Endpoint } from './endpoint.js';
import type { Picker, PickerFactory } from './picker.js';

const PANIC_BELOW = 0.5;

export interface BalancerOptions {
  readonly endpoints: (service: string) => readonly Endpoint[];
  readonly picker: PickerFactory;
  /** Zone of this process; null: nobody is nearer for its zone. */
  readonly zone?: string | null;
  /** False sends even calls to own services over the network. Default true. */
  readonly preferLocal?: boolean;
}

export class Balancer {
  readonly #options: BalancerOptions;
  readonly #pickers = new Map<string, Picker>();
  /** By the list it was made from: that keeps its identity until the registry changes. */
  readonly #circles = new WeakMap<readonly Endpoint[], readonly (readonly Endpoint[])[]>();

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /**
   * @param tried endpoints to avoid as long as there are others (a retry goes elsewhere)
   * @param refused endpoints that must not be called (their breaker is open)
   * @returns undefined when there is nobody to call
   */
  pick(service: string, tried: ReadonlySet<string>, refused: ReadonlySet<string>): Endpoint | undefined {
    const circles = this.#circlesOf(this.#options.endpoints(service));
    return (
      this.#pickNearest(
        service,
        circles,
        (endpoint) => !tried.has(endpoint.id) && !refused.has(endpoint.id),
      ) ??
      (tried.size === 0
        ? undefined
        : this.#pickNearest(service, circles, (endpoint) => !refused.has(endpoint.id)))
    );
  }

  #pickNearest(
    service: string,
    circles: readonly (readonly Endpoint[])[],
    admits: (endpoint: Endpoint) => boolean,
  ): Endpoint | undefined {
    for (const circle of circles) {
      const candidates = circle.every(admits) ? circle : circle.filter(admits);
      if (candidates.length > 0) return this.#pickerOf(service).pick(candidates);
    }
    return undefined;
  }

  /** Kept only for services that have an endpoint, so their number is bounded by the registry's. */
  #pickerOf(service: string): Picker {
    let picker = this.#pickers.get(service);
    if (picker === undefined) {
      picker = this.#options.picker();
      this.#pickers.set(service, picker);
    }
    return picker;
  }

  #circlesOf(endpoints: readonly Endpoint[]): readonly (readonly Endpoint[])[] {
    let circles = this.#circles.get(endpoints);
    if (circles === undefined) {
      circles = this.#nearestFirst(callable(endpoints));
      this.#circles.set(endpoints, circles);
    }
    return circles;
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

/**
 * The healthy ones, or all that do not drain when too few are healthy. While this process drains its own
 * services go on for each other: that is how what is in hand gets finished.
 */
function callable(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const staying = endpoints.filter((endpoint) => endpoint.state !== 'draining' || endpoint.local);
  const healthy = staying.filter(
    ({ state, local }) => state === 'healthy' || (local && state === 'draining'),
  );
  return healthy.length < PANIC_BELOW * staying.length ? staying : healthy;
}
