// Makes the plan of a declared route: it compiles schemas, puts hooks in order and gets meters.
import { HttpError } from '../../errors.js';
import type { BulkheadQueue } from '../../resilience/bulkhead-queue.js';
import { parseJson } from '../body/json-body.js';
import { isJsonType, refuseCoding, unsupportedType } from '../body/media-type.js';
import { compileBody, compileText, headerSource, paramsSource } from '../body/validate.js';
import type { Handler, RouteInfo, RouteOptions } from '../handler.js';
import { flatten, type HookChain } from '../hook-chain.js';
import { refusalFields, type SetFields } from '../refusal-fields.js';
import { QueryValues } from '../request-fields.js';
import type { RouteMeter } from '../request-observer.js';
import { compileResponses } from '../response/serialize.js';
import type { WebSocketRoute } from '../websocket/websocket-route.js';
import type { RoutePlan, Step, StepContext } from './route-plan.js';

/** The settings that apply where a route has no option of its own. */
export interface RouteDefaults {
  readonly maxBodyBytes: number;
  readonly chunkedBodies: 'accept' | 'reject';
  readonly requestTimeoutMs: number;
}

/** The limits and switches of a route. */
export interface RouteLimits
  extends Pick<RoutePlan, 'ready' | 'killSwitch' | 'gate' | 'optionsGate' | 'load' | 'rateChecks'> {
  readonly bulkhead: BulkheadQueue | undefined;
}

/**
 * @param target the handler, or the WebSocket route that has one
 * @param meterOf returns the meter of this route for a method
 * @throws Error when a schema cannot be compiled
 */
export function planRoute(
  info: RouteInfo,
  target: Handler | WebSocketRoute,
  hooks: HookChain,
  defaults: RouteDefaults,
  limits: RouteLimits,
  meterOf: (method: string) => RouteMeter,
): RoutePlan {
  const { options } = info;
  const meter = meterOf(info.method);
  const webSocket = typeof target === 'function' ? undefined : target;
  if (webSocket !== undefined) webSocket.meter = meter;
  const onRequest = flatten(hooks, 'onRequest');
  const fields = refusalFields(onRequest);
  const { ready, killSwitch, gate, optionsGate, load, rateChecks } = limits;
  const bulkhead = limits.bulkhead === undefined ? [] : [bulkheadStep(limits.bulkhead, fields)];
  const body = options.body === undefined ? [] : [bodyStep(options.body, options.bodyType)];
  const hasBody = body.length > 0;
  return {
    ready,
    killSwitch,
    gate,
    optionsGate,
    load,
    rateChecks,
    path: info.path,
    template: info.template,
    service: info.service,
    internal: options.internal ?? false,
    bodyLimit: options.bodyLimit ?? defaults.maxBodyBytes,
    chunked: options.chunked ?? defaults.chunkedBodies,
    timeoutMs: options.timeoutMs ?? defaults.requestTimeoutMs,
    compress: options.compress ?? false,
    // A permit of the bulkhead is taken before any code of the route runs. Where the route reads a body, it
    // is taken after the body has arrived, because a client that sends its body slowly would keep the permit
    // from others.
    steps: [
      ...(hasBody ? [] : bulkhead),
      ...(webSocket === undefined ? [] : [webSocket.check]),
      ...onRequest,
      ...textSteps(options),
      ...body,
      ...(options.idempotencyKey === 'required' ? [requireKey] : []),
      ...(hasBody ? bulkhead : []),
      ...flatten(hooks, 'preHandler'),
      ...(webSocket === undefined ? [] : [webSocket.admission]),
    ],
    onRequest,
    refusalFields: fields,
    handler: typeof target === 'function' ? target : target.handler,
    webSocket,
    responses: compileResponses(options.response),
    onResponse: flatten(hooks, 'onResponse'),
    onError: flatten(hooks, 'onError').reverse(),
    meter,
    headMeter: info.method === 'GET' ? meterOf('HEAD') : meter,
  };
}

function bulkheadStep(bulkhead: BulkheadQueue, fields: readonly SetFields[]): Step {
  const refused = (ctx: StepContext, error: unknown): never => {
    for (const addFields of fields) addFields(ctx as never);
    throw error;
  };
  return (ctx) => {
    let waiting: ReturnType<BulkheadQueue['enter']>;
    try {
      waiting = bulkhead.enter(ctx);
    } catch (error) {
      return refused(ctx, error);
    }
    return waiting?.catch((error: unknown) => refused(ctx, error));
  };
}

function textSteps({ params, query, headers }: RouteOptions): Step[] {
  const steps: Step[] = [];
  if (params !== undefined) {
    const check = compileText(params, 'path');
    steps.push((ctx) => {
      ctx.input.params = check(paramsSource(ctx.params));
    });
  }
  if (query !== undefined) {
    const check = compileText(query, 'query');
    steps.push((ctx) => {
      ctx.input.query = check(new QueryValues(ctx.exchange.head.query));
    });
  }
  if (headers !== undefined) {
    const check = compileText(headers, 'header');
    steps.push((ctx) => {
      ctx.input.headers = check(headerSource(ctx.headers));
    });
  }
  return steps;
}

function bodyStep(schema: NonNullable<RouteOptions['body']>, type: 'json' | 'form' = 'json'): Step {
  if (type === 'form') {
    const check = compileText(schema, 'body');
    return (ctx) =>
      ctx.readForm().then((form) => {
        ctx.body = check(form);
      });
  }
  const check = compileBody(schema);
  return (ctx) => {
    if (ctx.contentLength <= 0 && !ctx.isChunked) parseJson(NO_BYTES);
    if (!isJsonType(ctx.headers.get('content-type'))) throw unsupportedType('application/json');
    refuseCoding(ctx.headers);
    return ctx.readWhole((bytes) => {
      ctx.body = check(parseJson(bytes));
    });
  };
}

/** An empty field counts as a missing one. */
const requireKey: Step = ({ headers }) => {
  if ((headers.get('idempotency-key') ?? '') === '')
    throw new HttpError('IDEMPOTENCY_KEY_REQUIRED', 'Send an Idempotency-Key.');
};

const NO_BYTES = new Uint8Array(0);
