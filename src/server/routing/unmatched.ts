// What a request is served by that no route serves: 404, 405, 501, an OPTIONS that nobody declared, and
// whatever was refused before a route was looked for.
import { HttpError } from '../../errors.js';
import type { IncomingHead } from '../exchange.js';
import type { Handler } from '../handler.js';
import { type Fields, refusalFields } from '../refusal-fields.js';
import { HeaderValues, STRANGER } from '../request-fields.js';
import type { RequestObserver, RouteMeter } from '../request-observer.js';
import type { RateCheck } from '../route-rate-limits.js';
import { isKnownMethod, methodUnknown } from './methods.js';
import type { RoutePlan, Step } from './route-plan.js';

const NOTHING: Omit<RoutePlan, 'steps' | 'refusalFields' | 'handler' | 'meter' | 'headMeter'> = {
  path: '',
  template: undefined,
  service: undefined,
  internal: false,
  ready: () => true,
  killSwitch: undefined,
  gate: undefined,
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
  /** Of all applications, in the order of mounting: what has no route belongs to each of them. */
  #fields: readonly Fields[] = [];

  /** @param commonRate RATE_LIMIT, which counts these requests too */
  constructor(observer: RequestObserver, commonRate: RateCheck | undefined) {
    this.#observer = observer;
    this.#rateChecks = commonRate === undefined ? [] : [commonRate];
  }

  /** Of the `onRequest` hooks of another application. */
  addFields(hooks: readonly ((ctx: never) => unknown)[]): void {
    this.#fields = [...this.#fields, ...refusalFields(hooks)];
  }

  /** The plan that answers with this error; it costs the client nothing of its rate. */
  refusing(head: IncomingHead, error: unknown, fields = this.#fields): RoutePlan {
    const refuse: Step = () => {
      throw error;
    };
    return this.#plan(head, fields, [...(fields as readonly Step[]), refuse]);
  }

  /** @param plans of the routes at this path that the client may know of, by method */
  planFor(head: IncomingHead, plans: ReadonlyMap<string, RoutePlan>): RoutePlan {
    return { ...this.#answering(head, plans), rateChecks: this.#rateChecks };
  }

  #answering(head: IncomingHead, plans: ReadonlyMap<string, RoutePlan>): RoutePlan {
    const { method } = head;
    if (!isKnownMethod(method)) return this.refusing(head, methodUnknown());
    const [first] = plans.values();
    if (first === undefined) {
      return this.refusing(head, new HttpError('ROUTE_NOT_FOUND', 'No route has this path.'));
    }
    const allow = allowOf(plans);
    if (method === 'OPTIONS') return this.#options(head, plans, first, allow);
    const detail = `This path does not allow ${method}.`;
    const refusal = new HttpError('METHOD_NOT_ALLOWED', detail, { headers: { allow } });
    return this.refusing(head, refusal, first.refusalFields);
  }

  /**
   * With the hooks of the route that is asked about, since a browser that asks before it sends is answered by
   * them; so whatever keeps a request from these hooks keeps this one from them as well.
   */
  #options(
    head: IncomingHead,
    plans: ReadonlyMap<string, RoutePlan>,
    first: RoutePlan,
    allow: string,
  ): RoutePlan {
    const asked = new HeaderValues(head.headers, STRANGER).get('access-control-request-method');
    const route = plans.get(asked === 'HEAD' ? 'GET' : (asked ?? '')) ?? first;
    const { service, ready, killSwitch, optionsGate, timeoutMs, onRequest, onResponse, onError } = route;
    const steps: readonly Step[] = [...onRequest, (ctx) => void ctx.header('allow', allow)];
    return {
      ...this.#plan(head, route.refusalFields, steps),
      ...{ service, ready, killSwitch, gate: optionsGate, timeoutMs, onResponse, onError },
    };
  }

  /** Refusals are steps, as those of a route are: the handler has not run. */
  #plan({ method }: IncomingHead, fields: readonly Fields[], steps: readonly Step[]): RoutePlan {
    const meter = this.#meterOf(isKnownMethod(method) ? method : '_OTHER');
    return { ...NOTHING, steps, refusalFields: fields, handler: NO_CONTENT, meter, headMeter: meter };
  }

  #meterOf(method: string): RouteMeter {
    let meter = this.#meters.get(method);
    if (meter === undefined) {
      meter = this.#observer.meter(method, undefined);
      this.#meters.set(method, meter);
    }
    return meter;
  }
}

function allowOf(plans: ReadonlyMap<string, RoutePlan>): string {
  const methods = [...plans.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set([...methods, 'OPTIONS'])].join(', ');
}
