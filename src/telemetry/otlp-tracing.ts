// Implements the contract of span.ts with OpenTelemetry. Each thread has one instance, which exports its
// spans in batches outside of requests. Whether a trace is kept is decided here by one random word, before
// the SDK is called: an SDK span that is not sampled would cost more than the rest of a request.
import type { Context, MeterProvider, Span, SpanStatusCode, Tracer } from '@opentelemetry/api';
import type { BufferConfig, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { isSecret } from '../redaction/secret-names.js';
import { CENSORED } from '../redaction/secret-pairs.js';
import { maskText } from '../redaction/secret-texts.js';
import { shortText } from '../redaction/shown-text.js';
import type { TraceContext } from '../scope.js';
import { CountedExporter, droppedSpans, queueMeter } from './dropped-spans.js';
import { reportExportTrouble } from './export-trouble.js';
import { otelResource } from './otel-resource.js';
import type { OtelSdk } from './otel-sdk.js';
import { traceExporter } from './otlp-trace-exporter.js';
import { parseTraceparent } from './propagation.js';
import type { HeadSampler } from './sampler.js';
import type {
  IncomingTrace,
  SpanAttributes,
  SpanHandle,
  SpanKind,
  SpanStart,
  Tracing,
  TracingIdentity,
} from './span.js';
import { samplingWord, type TraceIds } from './trace-ids.js';
import { Unrecorded, UnsampledRequest } from './unrecorded.js';

export interface OtlpOptions {
  readonly otel: Settings['otel'];
  /** URL that traces are posted to, signal path included (OTLP/HTTP). */
  readonly endpoint: string;
  readonly identity: TracingIdentity;
  readonly sampler: HeadSampler;
  readonly ids: TraceIds;
  readonly log: Logger;
  readonly recorder: Recorder;
}

/** Milliseconds that the end of a thread waits at most for the collector. */
const SHUTDOWN_MS = 1_000;

/** The SDK's type omits this option while it is experimental. The version of the SDK is pinned. */
type QueueConfig = BufferConfig & { readonly selfObsMeterProvider: MeterProvider };

export function otlpTracing(sdk: OtelSdk, options: OtlpOptions): Tracing {
  const { endpoint, identity, ids, log, otel, recorder, sampler } = options;
  const dropped = droppedSpans(recorder);
  reportExportTrouble(sdk.api, log, (spans) => dropped('refused', spans));
  const { AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } = sdk.trace;
  const exporter = new CountedExporter(
    traceExporter(sdk, { endpoint, headers: otel.headers, protocol: otel.protocol ?? 'http/json' }),
    dropped,
  );
  const queue: QueueConfig = { selfObsMeterProvider: queueMeter(sdk.api, dropped) };
  const provider = new NodeTracerProvider({
    resource: otelResource(sdk.resources, otel, identity.instanceId, { 'multilane.worker': identity.worker }),
    sampler: new AlwaysOnSampler(),
    idGenerator: {
      // A new trace that is kept gets an id that every other sampler with this ratio keeps too.
      generateTraceId: () => ids.traceId(Math.floor((ids.word() / 2 ** 32) * sampler.bound)),
      generateSpanId: () => ids.spanId(),
    },
    spanProcessors: [new BatchSpanProcessor(exporter, queue)],
  });
  return new RecordingTracing(sdk.api, provider, exporter, options);
}

class RecordingTracing implements Tracing {
  readonly enabled = true;
  readonly #api: OtelSdk['api'];
  readonly #provider: NodeTracerProvider;
  readonly #exporter: CountedExporter;
  readonly #tracer: Tracer;
  readonly #ids: TraceIds;
  readonly #sampler: HeadSampler;
  readonly #log: Logger;

  constructor(
    api: OtelSdk['api'],
    provider: NodeTracerProvider,
    exporter: CountedExporter,
    options: OtlpOptions,
  ) {
    this.#api = api;
    this.#provider = provider;
    this.#exporter = exporter;
    this.#tracer = provider.getTracer('multilane');
    this.#ids = options.ids;
    this.#sampler = options.sampler;
    this.#log = options.log;
  }

  receive({ traceparent, tracestate, trusted }: IncomingTrace, describe: () => SpanStart): SpanHandle {
    const parent = trusted ? parseTraceparent(traceparent, tracestate) : undefined;
    const inherited = this.#sampler.followsParent ? parent?.sampled : undefined;
    // Only the trace id of a trusted sender decides. Other senders could choose an id that is always kept.
    const word =
      parent === undefined || inherited !== undefined ? this.#ids.word() : samplingWord(parent.traceId);
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
    const { ROOT_CONTEXT, SpanKind: kinds, SpanStatusCode } = this.#api;
    const context = parent === undefined ? ROOT_CONTEXT : this.#contextOf(parent, isRemote);
    const otelKind = { server: kinds.SERVER, client: kinds.CLIENT, internal: kinds.INTERNAL }[kind];
    const span = this.#tracer.startSpan(
      maskText(name),
      { kind: otelKind, attributes: withoutSecrets(attributes) },
      context,
    );
    return new Recorded(span, parent?.tracestate, SpanStatusCode.ERROR);
  }

  #contextOf(parent: TraceContext, isRemote: boolean): Context {
    const { createTraceState, ROOT_CONTEXT, TraceFlags, trace } = this.#api;
    return trace.setSpanContext(ROOT_CONTEXT, {
      traceId: parent.traceId,
      spanId: parent.spanId,
      traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
      isRemote,
      ...(parent.tracestate === undefined ? {} : { traceState: createTraceState(parent.tracestate) }),
    });
  }

  async flush(): Promise<void> {
    await this.#settled('flush', this.#provider.forceFlush());
  }

  async shutdown(): Promise<void> {
    await this.#settled('shutdown', this.#provider.shutdown());
    this.#exporter.abandon();
  }

  /** Waits for the work, but neither fails nor waits long when the collector is gone or slow. */
  async #settled(what: string, work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, SHUTDOWN_MS, `no reply within ${SHUTDOWN_MS} ms`);
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

/** Masks secrets in attributes by the same rules as in the log. */
const withoutSecrets = (attributes: SpanAttributes): SpanAttributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, value && withoutSecret(name, value)]),
  );

function withoutSecret(name: string, value: string | number | boolean): string | number | boolean {
  if (isSecret(name, value)) return CENSORED;
  return typeof value === 'string' ? shortText(value) : value;
}

class Recorded implements SpanHandle {
  readonly recording = true;
  readonly context: TraceContext;
  readonly #span: Span;
  readonly #failed: SpanStatusCode;
  #ended = false;

  constructor(span: Span, tracestate: string | undefined, failed: SpanStatusCode) {
    const { traceId, spanId } = span.spanContext();
    this.context = { traceId, spanId, sampled: true, tracestate };
    this.#span = span;
    this.#failed = failed;
  }

  setAttribute(name: string, value: string | number | boolean): void {
    if (!this.#ended) this.#span.setAttribute(name, withoutSecret(name, value));
  }

  end(errorType?: string, message?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (errorType !== undefined) {
      this.#span.setAttribute('error.type' satisfies typeof ATTR_ERROR_TYPE, errorType);
      this.#span.setStatus({
        code: this.#failed,
        ...(message === undefined ? {} : { message: shortText(message) }),
      });
    }
    this.#span.end();
  }
}
