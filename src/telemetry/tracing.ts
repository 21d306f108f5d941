// OpenTelemetry behind span.ts. Whether a trace is kept is decided here, on one random word, before the SDK
// hears of it: an SDK span that is then not sampled costs more than the rest of a request (DESIGN 8).
// One per thread; each exports its own spans in batches, off the request path.
import { hostname } from 'node:os';
import {
  type Context,
  createTraceState,
  SpanKind as OtelKind,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import {
  ATTR_ERROR_TYPE,
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
} from '@opentelemetry/semantic-conventions';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { TraceContext } from '../scope.js';
import { reportExportTrouble } from './export-trouble.js';
import { parseTraceparent } from './propagation.js';
import { type HeadSampler, headSampler } from './sampler.js';
import type { IncomingTrace, SpanAttributes, SpanHandle, SpanKind, SpanStart, Tracing } from './span.js';
import { samplingWord, TraceIds } from './trace-ids.js';
import { Unrecorded, UnsampledRequest } from './unrecorded.js';

export interface TracingIdentity {
  /** Row of this thread: 0 primary. */
  readonly worker: number;
  /** Unique per process start; becomes `service.instance.id`. */
  readonly instanceId: string;
}

/** Longest wait for the collector at the end of a thread, milliseconds. */
const SHUTDOWN_MS = 3000;

/**
 * Tracing for this thread: exporting when an endpoint is set and OTEL_SDK_DISABLED is not.
 * The `sampler` of the settings must be one that `headSampler` knows; another is logged and replaced by the
 * default, as the OpenTelemetry specification asks for.
 */
export function initTracing(
  settings: Pick<Settings, 'otel'>,
  identity: TracingIdentity,
  log: Logger,
): Tracing {
  const { disabled, endpoint, sampler, samplerArg, headers } = settings.otel;
  const ids = new TraceIds();
  if (disabled || endpoint === undefined) return new PassingTracing(ids);
  let head = headSampler(sampler, samplerArg);
  if (head === undefined) {
    log.warn({ sampler }, 'unknown OTEL_TRACES_SAMPLER, using parentbased_traceidratio');
    head = headSampler('parentbased_traceidratio', samplerArg)!;
  }
  reportExportTrouble(log);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: { ...headers },
  });
  const { bound } = head;
  const provider = new NodeTracerProvider({
    resource: resourceOf(settings.otel, identity),
    sampler: new AlwaysOnSampler(),
    idGenerator: {
      // A new trace that is kept gets an id which every other sampler of this ratio keeps as well.
      generateTraceId: () => ids.traceId(Math.floor((ids.word() / 2 ** 32) * bound)),
      generateSpanId: () => ids.spanId(),
    },
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  return new RecordingTracing(provider, ids, head, log);
}

function resourceOf(otel: Settings['otel'], identity: TracingIdentity): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      'host.name': hostname(),
      'process.pid': process.pid,
      [ATTR_SERVICE_INSTANCE_ID]: identity.instanceId,
      'multilane.worker': identity.worker,
      ...otel.resourceAttributes,
      [ATTR_SERVICE_NAME]: otel.serviceName,
    }),
  );
}

/** No export: contexts travel on, sampled flags of trusted senders included, and nothing is recorded. */
class PassingTracing implements Tracing {
  readonly enabled = false;
  readonly #ids: TraceIds;

  constructor(ids: TraceIds) {
    this.#ids = ids;
  }

  receive({ traceparent, tracestate, trusted }: IncomingTrace): SpanHandle {
    const parent = trusted ? parseTraceparent(traceparent, tracestate) : undefined;
    if (parent?.sampled) return new Unrecorded(parent);
    return new UnsampledRequest(this.#ids, this.#ids.word(), traceparent, tracestate);
  }

  begin(_name: string, _kind: SpanKind, parent: TraceContext | undefined): SpanHandle {
    if (parent !== undefined) return new Unrecorded(parent);
    return new UnsampledRequest(this.#ids, this.#ids.word(), undefined, undefined);
  }

  async flush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

const KINDS: Readonly<Record<SpanKind, OtelKind>> = {
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  internal: OtelKind.INTERNAL,
};

class RecordingTracing implements Tracing {
  readonly enabled = true;
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #ids: TraceIds;
  readonly #sampler: HeadSampler;
  readonly #log: Logger;

  constructor(provider: NodeTracerProvider, ids: TraceIds, sampler: HeadSampler, log: Logger) {
    this.#provider = provider;
    this.#tracer = provider.getTracer('multilane');
    this.#ids = ids;
    this.#sampler = sampler;
    this.#log = log;
  }

  receive({ traceparent, tracestate, trusted }: IncomingTrace, describe: () => SpanStart): SpanHandle {
    let word = this.#ids.word();
    let parent: TraceContext | undefined;
    if (trusted && traceparent !== undefined) {
      parent = parseTraceparent(traceparent, tracestate);
      // Only a trusted sender's trace id decides: anybody else could pick one that is always kept.
      if (parent !== undefined) word = samplingWord(parent.traceId);
    }
    const inherited = this.#sampler.followsParent ? parent?.sampled : undefined;
    if (!(inherited ?? word < this.#sampler.bound)) {
      return new UnsampledRequest(this.#ids, word, traceparent, tracestate);
    }
    const { name, attributes } = describe();
    return this.#record(
      name,
      'server',
      parent ?? parseTraceparent(traceparent, tracestate),
      attributes,
      true,
    );
  }

  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes: SpanAttributes = {},
  ): SpanHandle {
    if (parent !== undefined) {
      return parent.sampled ? this.#record(name, kind, parent, attributes, false) : new Unrecorded(parent);
    }
    const word = this.#ids.word();
    if (word < this.#sampler.bound) return this.#record(name, kind, undefined, attributes, false);
    return new UnsampledRequest(this.#ids, word, undefined, undefined);
  }

  #record(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes: SpanAttributes,
    isRemote: boolean,
  ): SpanHandle {
    const context = parent === undefined ? ROOT_CONTEXT : contextOf(parent, isRemote);
    const span = this.#tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, context);
    return new Recorded(span, parent?.tracestate);
  }

  async flush(): Promise<void> {
    await this.#settled('flush', this.#provider.forceFlush());
  }

  async shutdown(): Promise<void> {
    await this.#settled('shutdown', this.#provider.shutdown());
  }

  /** The collector may be gone or slow: neither may fail, nor hold up, what ends. */
  async #settled(what: string, work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, SHUTDOWN_MS, `no answer within ${SHUTDOWN_MS} ms`);
    });
    try {
      const reason = await Promise.race([work, late]);
      if (reason !== undefined) this.#log.warn({ reason }, `tracing: ${what} not completed`);
    } catch (error) {
      this.#log.warn({ err: error }, `tracing: ${what} failed`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function contextOf(parent: TraceContext, isRemote: boolean): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote,
    ...(parent.tracestate === undefined ? {} : { traceState: createTraceState(parent.tracestate) }),
  });
}

class Recorded implements SpanHandle {
  readonly recording = true;
  readonly context: TraceContext;
  readonly #span: Span;
  #ended = false;

  constructor(span: Span, tracestate: string | undefined) {
    const { traceId, spanId } = span.spanContext();
    this.context = { traceId, spanId, sampled: true, tracestate };
    this.#span = span;
  }

  setAttribute(name: string, value: string | number | boolean): void {
    if (!this.#ended) this.#span.setAttribute(name, value);
  }

  end(errorType?: string, message?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (errorType !== undefined) {
      this.#span.setAttribute(ATTR_ERROR_TYPE, errorType);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
    }
    this.#span.end();
  }
}
