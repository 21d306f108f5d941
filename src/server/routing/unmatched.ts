// Makes plans for requests without a route: 404, 405, 501, an OPTIONS request that no route serves, and
// requests that were refused before a route was searched for.
import { HttpError } from '../../errors.js';
import type { Handler } from '../handler.js';
import { refusalFields, type SetFields } from '../refusal-fields.js';
import { HeaderValues, STRANGER } from '../request-fields.js';
import type { RequestHead } from '../request-head.js';
import type { RequestObserver, RouteMeter } from '../request-observer.js';
import type { RateCheck } from '../route-rate-limits.js';
import { isKnownMethod, methodUnknown, OTHER_METHOD } from './methods.js';
import type { RoutePlan, Step } from './route-plan.js';

const EMPTY_PLAN: Omit<RoutePlan, 'steps' | 'refusalFields' | 'handler' | 'meter' | 'headMeter'> = {
  path: '',
  template: undefined,
  service: undefined,
  internal: false,
  ready: () => true,
  killSwitch: undefined,
  gate: undefined,
  load: undefined,
  optionsGate: undefined,
  rateChecks: [],
  bodyLimit: Number.POSITIVE_INFINITY,
  chunked: 'accept',
  timeoutMs: Number.POSITIVE_INFINITY,
  compress: false,
  webSocket: undefined,
  onRequest: [],
  responses: undefined,
  onResponse: [],
  onError: [],
};

const NO_CONTENT: Handler = () => undefined;

export class Unmatched {
  readonly #observer: RequestObserver;
  readonly #rateChecks: readonly RateCheck[];
  readonly #meters = new Map<string, RouteMeter>();
  #rpcMeter: RouteMeter | undefined;
  /** The fields of the hooks of all applications: a path without a route belongs to each of them. */
  #fields: readonly SetFields[] = [];

  /** @param commonRate the limit of RATE_LIMIT, which also counts these requests */
  constructor(observer: RequestObserver, commonRate: RateCheck | undefined) {
    this.#observer = observer;
    this.#rateChecks = commonRate === undefined ? [] : [commonRate];
  }

  /** Adds the fields of the `onRequest` hooks of another application. */
  addFields(hooks: readonly ((ctx: never) => unknown)[]): void {
    this.#fields = [...this.#fields, ...refusalFields(hooks)];
  }

  /** Makes a plan that throws this error. It is not charged to rate limits. */
  refusing(head: RequestHead, error: unknown, fields = this.#fields): RoutePlan {
    const refuse: Step = () => {
      throw error;
    };
    return this.#plan(head, fields, [...(fields as readonly Step[]), refuse]);
  }

  /** @param plans the plans of the routes at this path that the client may know of, by method */
  planFor(head: RequestHead, plans: ReadonlyMap<string, RoutePlan>): RoutePlan {
    return { ...this.unchargedPlanFor(head, plans), rateChecks: this.#rateChecks };
  }

  /** Does the same for a request that is not charged to RATE_LIMIT. */
  unchargedPlanFor(head: RequestHead, plans: ReadonlyMap<string, RoutePlan>): RoutePlan {
    const { method } = head;
    if (!isKnownMethod(method)) return this.refusing(head, methodUnknown());
    const [first] = plans.values();
    if (first === undefined) {
      const detail = head.isRpc ? 'No method has this name.' : 'No route has this path.';
      return this.refusing(head, new HttpError('ROUTE_NOT_FOUND', detail));
    }
    const allow = allowOf(plans);
    if (method === 'OPTIONS') return this.#options(head, plans, first, allow);
    const detail = `This path does not allow ${method}.`;
    const refusal = new HttpError('METHOD_NOT_ALLOWED', detail, { headers: { allow } });
    return this.refusing(head, refusal, first.refusalFields);
  }

  /**
   * Makes the plan for an OPTIONS request. It runs the hooks of the route that the request is about, because
   * they answer the preflight of a browser. Whatever keeps a request of the route from these hooks (a switch,
   * the gate, a service that is not ready) keeps this one from them as well.
   */
  #options(
    head: RequestHead,
    plans: ReadonlyMap<string, RoutePlan>,
    first: RoutePlan,
    allow: string,
  ): RoutePlan {
    const requested = new HeaderValues(head.headers, STRANGER).get('access-control-request-method');
    const route = plans.get(requested === 'HEAD' ? 'GET' : (requested ?? '')) ?? first;
    const { service, ready, killSwitch, optionsGate, timeoutMs, onRequest, onResponse, onError } = route;
    const steps: readonly Step[] = [...onRequest, (ctx) => void ctx.header('allow', allow)];
    return {
      ...this.#plan(head, route.refusalFields, steps),
      ...{ service, ready, killSwitch, gate: optionsGate, timeoutMs, onResponse, onError },
    };
  }

  /** A refusal is a step, as on a route, so that it counts as one before the handler. */
  #plan(head: RequestHead, fields: readonly SetFields[], steps: readonly Step[]): RoutePlan {
    const meter = this.#meterOf(head);
    return { ...EMPTY_PLAN, steps, refusalFields: fields, handler: NO_CONTENT, meter, headMeter: meter };
  }

  #meterOf({ method: sent, isRpc }: RequestHead): RouteMeter {
    if (isRpc) {
      this.#rpcMeter ??= this.#observer.rpcMeter(undefined);
      return this.#rpcMeter;
    }
    const method = isKnownMethod(sent) ? sent : OTHER_METHOD;
    let meter = this.#meters.get(method);
    if (meter === undefined) {
      meter = this.#observer.meter(method, undefined);
      this.#meters.set(method, meter);
    }
    return meter;
  }
}

function allowOf(plans: ReadonlyMap<string, RoutePlan>): string {
  const named = [...plans.keys()].filter((method) => method !== OTHER_METHOD);
  const methods = named.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set([...methods, 'OPTIONS'])].join(', ');
}
