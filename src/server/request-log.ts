// The log of requests: one line for a share of them (REQUEST_LOG), and one with its phases for each slow one
// (SLOW_REQUEST_MS). A line has neither query nor fields nor body of the request, whose secrets cannot
// be told from other values, and of its path no more than a bounded part, in which secrets are masked.
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { maskEncoded } from '../redaction/encoded-texts.js';
import { shortText } from '../redaction/shown-text.js';
import type { TraceContext } from '../scope.js';
import { REQUEST_LOG, SLOW_REQUEST_LOG } from '../telemetry/log-keys.js';
import { RequestPhases } from './request-phases.js';
import type { RoutePlan } from './routing/route-plan.js';

export interface RequestLogOptions {
  /** The share of requests that get a line, 0 to 1. It is called for each request. */
  readonly share: () => number;
  /** A request whose response begins later than this gets a line in any case; 0: none does. */
  readonly slowMs: number;
}

/** What a line shows of a request, and what decides whether there is one. */
export interface LoggedRequest {
  readonly method: string;
  /** Without the query, and without secrets in parameters. */
  readonly shownPath: string;
  readonly template: string | undefined;
  readonly service: string | undefined;
  readonly requestId: string;
  /** `performance.now()` at the end of the request header. */
  readonly startedAt: number;
  readonly trace: TraceContext;
  readonly inProcess: boolean;
  readonly plan: Pick<RoutePlan, 'gate' | 'killSwitch' | 'template'>;
  readonly phases: RequestPhases | undefined;
}

const MAX_PATH = 256;

export class RequestLog {
  readonly #log: Logger;
  readonly #share: () => number;
  readonly #slowMs: number;
  readonly #random: () => number;

  constructor(log: Logger, { share, slowMs }: RequestLogOptions, random: () => number = Math.random) {
    this.#log = log;
    this.#share = share;
    this.#slowMs = slowMs;
    this.#random = random;
  }

  /** @returns undefined while slow requests are not logged: then their phases are not measured */
  phasesFrom(startedAt: number): RequestPhases | undefined {
    return this.#slowMs > 0 ? new RequestPhases(startedAt) : undefined;
  }

  /** Call once, when the response is complete. @param error code of the problem that was sent */
  ended(request: LoggedRequest, status: number, error: string | undefined): void {
    const { phases } = request;
    if (phases !== undefined && this.#isSlow(request, phases, status, error)) return;
    const share = this.#share();
    if (share === 0 || (share < 1 && this.#random() >= share)) return;
    if (request.inProcess || isProbe(request, status)) return;
    const fields = fieldsOf(request, status, error, performance.now());
    this.#log.info({ logger: REQUEST_LOG, ...fields }, 'request');
  }

  #isSlow(request: LoggedRequest, timing: RequestPhases, status: number, error: string | undefined): boolean {
    // The phases of a line add up to its duration, so both end at one reading of the clock.
    const now = performance.now();
    // Nothing is added up for a request whose end is in time: its response began before.
    if (now - request.startedAt < this.#slowMs) return false;
    const { phases, untilResponseMs } = timing.end(now);
    if (untilResponseMs < this.#slowMs) return false;
    const fields = fieldsOf(request, status, error, now);
    this.#log.warn({ logger: SLOW_REQUEST_LOG, ...fields, phases }, 'slow request');
    return true;
  }
}

/** Load balancers probe the routes that are never refused, every few seconds. */
const isProbe = ({ plan }: LoggedRequest, status: number): boolean =>
  status < 400 && plan.gate === undefined && plan.killSwitch === undefined && plan.template !== undefined;

/** Members that are undefined are not written. */
function fieldsOf(request: LoggedRequest, status: number, error: string | undefined, now: number) {
  const { method, shownPath, template, service, requestId, startedAt, trace } = request;
  return {
    service,
    method,
    route: template,
    path: shortText(maskEncoded(shownPath), MAX_PATH),
    status,
    error,
    durationMs: Math.round((now - startedAt) * 100) / 100,
    requestId,
    trace_id: trace.traceId,
    span_id: trace.spanId,
  };
}
