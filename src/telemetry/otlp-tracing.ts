// Keeps spans with OpenTelemetry. Each thread has one instance, which exports its spans in batches outside of
// requests. The SDK is called only for spans that are kept (sampled-tracing.ts): an SDK span that is not
// sampled would cost more than the rest of a request.
import type { Context, MeterProvider, Span, SpanStatusCode, Tracer } from '@opentelemetry/api';
import type { BufferConfig, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import { shownErrorType } from '../error-type.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { maskText } from '../redaction/secret-texts.js';
import { shortText } from '../redaction/shown-text.js';
import type { TraceContext } from '../scope.js';
import { droppedSpans, queueMeter } from './dropped-spans.js';
import { exportFailed } from './export-failure.js';
import { reportExportTrouble } from './export-trouble.js';
import { otelResource } from './otel-resource.js';
import type { OtelSdk } from './otel-sdk.js';
import { TraceExporter } from './otlp-trace-exporter.js';
import type { HeadSampler } from './sampler.js';
import type { AttributeValue, SpanHandle, TracingIdentity } from './span.js';
import type { KeptSpan, SpanKeeper } from './span-keeper.js';
import type { SpanLog } from './span-log.js';
import { SpanLogProcessor } from './span-log-processor.js';
import { withoutSecret, withoutSecrets } from './span-secrets.js';
import type { TraceIds } from './trace-ids.js';

export interface OtlpOptions {
  readonly otel: Settings['otel'];
  /** URL that traces are posted to, signal path included (OTLP/HTTP). */
  readonly endpoint: string;
  readonly identity: TracingIdentity;
  readonly sampler: HeadSampler;
  readonly ids: TraceIds;
  readonly log: Logger;
  readonly recorder: Recorder;
  /** Gets the spans as well. @default the collector alone gets them */
  readonly spanLog?: SpanLog | undefined;
}

/** Milliseconds that the end of a thread waits at most for the collector. */
const SHUTDOWN_MS = 1_000;

/** The SDK's type omits this option while it is experimental. The version of the SDK is pinned. */
type QueueConfig = BufferConfig & { readonly selfObsMeterProvider: MeterProvider };

export function otlpKeeper(sdk: OtelSdk, options: OtlpOptions): SpanKeeper {
  const { endpoint, identity, ids, log, otel, recorder, sampler, spanLog } = options;
  const dropped = droppedSpans(recorder);
  const { AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } = sdk.trace;
  const target = { endpoint, headers: otel.headers, protocol: otel.protocol ?? 'http/json' };
  const exporter = new TraceExporter(sdk, target, dropped);
  reportExportTrouble(sdk.api, log, endpoint);
  const queue: QueueConfig = { selfObsMeterProvider: queueMeter(sdk.api, dropped) };
  const provider = new NodeTracerProvider({
    resource: otelResource(sdk.resources, otel, identity.instanceId, { 'multilane.worker': identity.worker }),
    sampler: new AlwaysOnSampler(),
    idGenerator: {
      // A new trace that is kept gets an id that every other sampler with this ratio keeps too.
      generateTraceId: () => ids.traceId(Math.floor((ids.word() / 2 ** 32) * sampler.bound)),
      generateSpanId: () => ids.spanId(),
    },
    spanProcessors: [
      new BatchSpanProcessor(exporter, queue),
      ...(spanLog === undefined ? [] : [new SpanLogProcessor(spanLog)]),
    ],
  });
  return new OtlpKeeper(sdk.api, provider, exporter, (fields) =>
    log.warn(fields, exportFailed('traces', endpoint)),
  );
}

class OtlpKeeper implements SpanKeeper {
  readonly #api: OtelSdk['api'];
  readonly #provider: NodeTracerProvider;
  readonly #exporter: TraceExporter;
  readonly #tracer: Tracer;
  readonly #failed: (fields: object) => void;

  /** @param failed logs that spans were not sent */
  constructor(
    api: OtelSdk['api'],
    provider: NodeTracerProvider,
    exporter: TraceExporter,
    failed: (fields: object) => void,
  ) {
    this.#api = api;
    this.#provider = provider;
    this.#exporter = exporter;
    this.#tracer = provider.getTracer('multilane');
    this.#failed = failed;
  }

  begin({ name, kind, parent, isRemote, attributes, links }: KeptSpan): SpanHandle {
    const { ROOT_CONTEXT, SpanKind: kinds, SpanStatusCode, TraceFlags } = this.#api;
    const context = parent === undefined ? ROOT_CONTEXT : this.#contextOf(parent, isRemote);
    const otelKind = { server: kinds.SERVER, client: kinds.CLIENT, internal: kinds.INTERNAL }[kind];
    const linked = links?.map((link) => ({ context: { ...link, traceFlags: TraceFlags.SAMPLED } }));
    const span = this.#tracer.startSpan(
      maskText(name),
      { kind: otelKind, attributes: withoutSecrets(attributes), ...(linked && { links: linked }) },
      context,
    );
    return new Recorded(span, parent?.tracestate, SpanStatusCode.ERROR);
  }

  #contextOf(parent: TraceContext, isRemote: boolean): Context {
    const { createTraceState, ROOT_CONTEXT, TraceFlags, trace } = this.#api;
    const { tracestate } = parent;
    return trace.setSpanContext(ROOT_CONTEXT, {
      traceId: parent.traceId,
      spanId: parent.spanId,
      traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
      isRemote,
      // Only the collector gets it from here. What is sent to other services is not changed.
      ...(tracestate === undefined ? {} : { traceState: createTraceState(maskText(tracestate)) }),
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
      if (reason !== undefined) this.#failed({ reason, during: what });
    } catch (error) {
      this.#failed({ err: error, during: what });
    } finally {
      clearTimeout(timer);
    }
  }
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

  setAttribute(name: string, value: AttributeValue): void {
    if (!this.#ended) this.#span.setAttribute(name, withoutSecret(name, value));
  }

  end(errorType?: string, message?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (errorType !== undefined) {
      this.#span.setAttribute('error.type' satisfies typeof ATTR_ERROR_TYPE, shownErrorType(errorType));
      this.#span.setStatus({
        code: this.#failed,
        ...(message === undefined ? {} : { message: shortText(message) }),
      });
    }
    this.#span.end();
  }
}
