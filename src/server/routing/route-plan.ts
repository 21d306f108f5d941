// A route made ready at start, and what runs before its handler. Serving looks nothing up.
import type { AdmissionGate } from '../../resilience/admission.js';
import type { Exchange } from '../exchange.js';
import type { Context, Handler, Hooks } from '../handler.js';
import type { KillSwitch } from '../kill-switch.js';
import type { Fields } from '../refusal-fields.js';
import type { QueryValues } from '../request-fields.js';
import type { RouteMeter } from '../request-observer.js';
import type { Serialize } from '../response/serialize.js';
import type { RateCheck } from '../route-rate-limits.js';
import type { SocketRoute } from '../websocket/websocket.js';

export interface Input {
  params: unknown;
  query: unknown;
  headers: unknown;
}

/** The context as steps see it: they fill in what they have validated. */
export interface StepContext extends Omit<Context, 'body' | 'input' | 'readForm'> {
  readonly exchange: Exchange;
  /** Announced bytes of the body, -1 when none are. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly input: Input;
  /** The client has left, or the deadline has passed: the signal has aborted, or would have. */
  readonly isAborted: boolean;
  body: unknown;
  readForm(): Promise<QueryValues>;
  /** Gives it back when the request has ended, at once if it has ended. */
  hold(place: { leave(): void }): void;
}

/** Something before the handler. A value (or a promise of one) other than undefined is the answer. */
export type Step = (ctx: StepContext) => unknown;

export interface RoutePlan {
  /** As declared; empty when no route matched. */
  readonly path: string;
  readonly template: string | undefined;
  readonly service: string | undefined;
  readonly internal: boolean;
  /** False until the database of the service is migrated. */
  readonly ready: () => boolean;
  /** Undefined: for what cannot be switched off. */
  readonly killSwitch: KillSwitch | undefined;
  /** Undefined: for what is never refused. */
  readonly gate: AdmissionGate | undefined;
  /** The same of an OPTIONS that asks about the route and that no route answers. */
  readonly optionsGate: AdmissionGate | undefined;
  /** Limits that are charged before anything of the route runs. */
  readonly rateChecks: readonly RateCheck[];
  readonly bodyLimit: number;
  readonly chunked: 'accept' | 'reject';
  readonly timeoutMs: number;
  readonly compress: boolean;
  readonly steps: readonly Step[];
  /** Of the steps those that are hooks of this kind: what an OPTIONS that no route answers goes through. */
  readonly onRequest: readonly Step[];
  /** On answers to requests that none of the steps has seen. */
  readonly refusalFields: readonly Fields[];
  readonly handler: Handler;
  /** Undefined unless the route opens WebSockets. */
  readonly webSocket: SocketRoute | undefined;
  /** By status; undefined when no response schema is declared. */
  readonly responses: ReadonlyMap<number, Serialize> | undefined;
  readonly onResponse: readonly NonNullable<Hooks['onResponse']>[];
  /** Innermost first: the nearest may answer before those around it. */
  readonly onError: readonly NonNullable<Hooks['onError']>[];
  readonly meter: RouteMeter;
  /** For HEAD on a GET route. */
  readonly headMeter: RouteMeter;
}
