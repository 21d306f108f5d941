// The contract of a plan: a route with everything that serving it needs, made at start so that nothing is
// looked up per request.
import type { ServedLoad } from '../../memory/served-load.js';
import type { AdmissionGate } from '../../resilience/admission.js';
import type { BodyWait } from '../body/body-wait.js';
import type { Exchange } from '../exchange.js';
import type { Context, Handler, Hooks } from '../handler.js';
import type { KillSwitch } from '../kill-switch.js';
import type { SetFields } from '../refusal-fields.js';
import type { QueryValues } from '../request-fields.js';
import type { RouteMeter } from '../request-observer.js';
import type { Serialize } from '../response/serialize.js';
import type { RateCheck } from '../route-rate-limits.js';
import type { SocketRoute } from '../websocket/websocket.js';

/** The validated input. */
export interface Input {
  params: unknown;
  query: unknown;
  headers: unknown;
}

/** The context that steps get: they write to it what they have validated. */
export interface StepContext extends Omit<Context, 'body' | 'input' | 'readForm'> {
  readonly exchange: Exchange;
  /** Bytes that `Content-Length` announces, -1 without it. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly input: Input;
  /**
   * True when the client has left or the deadline has passed. The signal has aborted then, if it is in use.
   */
  readonly isAborted: boolean;
  body: unknown;
  readForm(): Promise<QueryValues>;
  /** @param take gets the whole body @returns what the step returns: nothing when `take` has been called */
  readWhole(take: (bytes: Uint8Array) => void): BodyWait | Promise<void> | undefined;
  /** Calls `leave` of a permit when the request ends, or at once if it has ended. */
  hold(permit: { leave(): void }): void;
}

/**
 * A step before the handler. A result other than undefined, or a promise of one, is the response, but for a
 * `BodyWait`: then the request goes on when its body has arrived.
 */
export type Step = (ctx: StepContext) => unknown;

/** A route made ready to serve requests; also a plan for requests without a route. */
export interface RoutePlan {
  /** The path as it was declared; empty when no route matched. */
  readonly path: string;
  /** `/api/users/{id}`; undefined when no route matched. */
  readonly template: string | undefined;
  readonly service: string | undefined;
  /** True for a route that only calls of the mesh may reach; other clients get 404. */
  readonly internal: boolean;
  /** Returns false until the database of the service is migrated. */
  readonly ready: () => boolean;
  /** Undefined for a route that cannot be switched off. */
  readonly killSwitch: KillSwitch | undefined;
  /** Undefined for a route that is never refused. */
  readonly gate: AdmissionGate | undefined;
  /** The gate for OPTIONS requests about this route, where no route of its own serves them. */
  readonly optionsGate: AdmissionGate | undefined;
  /** Undefined for a route whose requests are not counted as load of its service. */
  readonly load: ServedLoad | undefined;
  /** Rate limits, which are charged before any code of the route runs. */
  readonly rateChecks: readonly RateCheck[];
  /** Largest body in bytes. */
  readonly bodyLimit: number;
  readonly chunked: 'accept' | 'reject';
  readonly timeoutMs: number;
  readonly compress: boolean;
  /** The steps before the handler, in their order. */
  readonly steps: readonly Step[];
  /** The `onRequest` hooks among the steps: they also run for OPTIONS requests that no route serves. */
  readonly onRequest: readonly Step[];
  /** The fields of hooks on responses to requests that are refused before the steps. */
  readonly refusalFields: readonly SetFields[];
  readonly handler: Handler;
  /** The WebSocket route, undefined for other routes. */
  readonly webSocket: SocketRoute | undefined;
  /** The serializers by status; undefined when no response schema is declared. */
  readonly responses: ReadonlyMap<number, Serialize> | undefined;
  readonly onResponse: readonly NonNullable<Hooks['onResponse']>[];
  /** The innermost hook is the first: it may respond before the hooks around it. */
  readonly onError: readonly NonNullable<Hooks['onError']>[];
  readonly meter: RouteMeter;
  /** The meter for HEAD on a GET route. */
  readonly headMeter: RouteMeter;
}
