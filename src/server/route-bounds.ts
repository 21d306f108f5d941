// What bounds a route before its handler runs: readiness of its service, switch, admission gate, rate limits,
// bulkhead.
import type { AdmissionGate, Priority } from '../resilience/admission.js';
import type { AppOptions, MountOptions } from './app-options.js';
import { bulkheadOf } from './bulkheads.js';
import type { RouteInfo } from './handler.js';
import { KillSwitch, routeKey } from './kill-switch.js';
import { checksOf, globalCheck, type RateCheck } from './route-rate-limits.js';
import type { RouteLimits } from './routing/plan-route.js';

/** Stands for the method in names of gRPC calls: on the wire all of them are POST. */
export const RPC = 'GRPC';

/** A service while it is mounted. */
export interface Mounting {
  readonly service: string;
  readonly ready: () => boolean;
  readonly unlimited: boolean;
}

export const mountingOf = (service: string, { isReady, unlimited = false }: MountOptions): Mounting => ({
  service,
  ready: untilTrue(isReady),
  unlimited,
});

/** A service that is ready stays ready, so the function is called only until it returns true. */
function untilTrue(isReady: (() => boolean) | undefined): () => boolean {
  if (isReady === undefined) return () => true;
  let ready = false;
  return () => {
    ready ||= isReady();
    return ready;
  };
}

export class RouteBounds {
  /** The limit of RATE_LIMIT, which all routes share. */
  readonly commonRate: RateCheck | undefined;
  readonly #options: AppOptions;
  readonly #optionsGates = new Map<Priority, AdmissionGate>();

  constructor(options: AppOptions) {
    this.#options = options;
    this.commonRate = globalCheck(options.settings, options.rateLimits);
  }

  of(info: RouteInfo, { ready, unlimited }: Mounting): RouteLimits {
    const { service, method, path, options } = info;
    const { rateLimits, gates, loads } = this.#options;
    const { priority = 'normal' } = options;
    const name = `${service} ${method} ${path}`;
    const commonRate = unlimited ? undefined : this.commonRate;
    const rateChecks = checksOf(options.rateLimit, name, commonRate, rateLimits);
    const gate = unlimited ? undefined : gates.gate(priority, name);
    const optionsGate = unlimited ? undefined : this.#optionsGate(priority);
    const bulkhead = bulkheadOf(options.maxConcurrent, name, gates);
    const killSwitch = unlimited ? undefined : this.switchOf(info);
    // An instance of gRPC is a thread with a port of its own, one of HTTP is the process.
    const load = unlimited ? undefined : loads?.of(service, method === RPC ? 'thread' : 'process');
    return { ready, killSwitch, gate, optionsGate, load, rateChecks, bulkhead };
  }

  /** @returns undefined where routes cannot be switched off */
  switchOf({ method, template }: Pick<RouteInfo, 'method' | 'template'>): KillSwitch | undefined {
    const { switchedOff } = this.#options;
    return switchedOff === undefined ? undefined : new KillSwitch(switchedOff, routeKey(method, template));
  }

  /** One gate for all routes of a priority, because the cost of an OPTIONS does not depend on its route. */
  #optionsGate(priority: Priority): AdmissionGate {
    let gate = this.#optionsGates.get(priority);
    if (gate === undefined) {
      gate = this.#options.gates.gate(priority, `OPTIONS (${priority})`);
      this.#optionsGates.set(priority, gate);
    }
    return gate;
  }
}
