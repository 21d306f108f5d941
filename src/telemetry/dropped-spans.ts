// Counts the spans that do not reach the collector, by reason. Only the spans that a crashed thread held are
// not counted.
import type { MeterProvider } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import type { OtelSdk } from './otel-sdk.js';

const REASONS = [
  /** The queue was full, because more spans ended than the exporter sent (OTEL_BSP_MAX_QUEUE_SIZE). */
  'queue_full',
  /** The collector replied with an error status, or accepted only a part of a batch. */
  'refused',
  /** The collector did not reply in time (OTEL_EXPORTER_OTLP_TIMEOUT). */
  'timeout',
  /** No connection to the collector could be made. */
  'unreachable',
  /** The thread ended before the spans were sent. */
  'shutdown',
] as const;
export type DropReason = (typeof REASONS)[number];

/** @returns a function that counts dropped spans; every reason is exported as 0 until it first occurs */
export function droppedSpans(recorder: Recorder): (reason: DropReason, spans: number) => void {
  const counters = new Map<DropReason, Counter>(
    REASONS.map((reason) => [reason, recorder.counter('multilane_spans_dropped_total', { reason })]),
  );
  return (reason, spans) => counters.get(reason)!.add(spans);
}

type CountDropped = ReturnType<typeof droppedSpans>;
type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/** An exporter that counts the spans that it could not export. */
export class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #dropped: CountDropped;
  /** Number of spans in each batch that is being sent. */
  readonly #sending = new Map<object, number>();
  /** Spans that the collector says it has rejected of the batch whose export ends next. */
  #claimed = 0;

  constructor(exporter: SpanExporter, dropped: CountDropped) {
    this.#exporter = exporter;
    this.#dropped = dropped;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const batch = {};
    this.#sending.set(batch, spans.length);
    this.#exporter.export(spans, (result) => {
      const rejected = Math.min(this.#claimed, spans.length);
      this.#claimed = 0;
      const isKnown = this.#sending.delete(batch);
      if (isKnown && result.code !== SUCCESS) this.#dropped(dropReasonOf(result.error), spans.length);
      else if (isKnown) this.#dropped('refused', rejected);
      done(result);
    });
  }

  /**
   * Notes that the collector has accepted only a part of a batch. The SDK reports that in the turn in which
   * the export of the batch ends. No more than the batch is counted, whatever number the collector gives.
   */
  rejected(spans: number): void {
    this.#claimed = spans;
  }

  /** Counts all batches that are being sent as dropped. Their later results are ignored. */
  abandon(): void {
    for (const spans of this.#sending.values()) this.#dropped('shutdown', spans);
    this.#sending.clear();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

/** `ExportResultCode` of @opentelemetry/core. */
const SUCCESS = 0;

/** Why an export has failed, by the error of the package that sends. */
export function dropReasonOf(error: Error | undefined): DropReason {
  // The collector replied with an error status. The exporter reports a retryable one after its last retry.
  if (error?.name === 'OTLPExporterError') return 'refused';
  // The export limit is reached when thirty batches wait for a reply.
  return /timed out|export limit reached/i.test(error?.message ?? '') ? 'timeout' : 'unreachable';
}

/**
 * The SDK reports the spans that its queue drops only to its own meter. This meter provider passes them on.
 * @returns the value for the SDK's option `selfObsMeterProvider`
 * @see https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/#metric-otelsdkprocessorspanprocessed
 */
export function queueMeter({ createNoopMeter }: OtelSdk['api'], dropped: CountDropped): MeterProvider {
  const meter = createNoopMeter();
  const processed = {
    add(spans: number, attributes?: { readonly 'error.type'?: unknown }) {
      if (attributes?.['error.type'] === 'queue_full') dropped('queue_full', spans);
    },
  };
  const createCounter: typeof meter.createCounter = (name) =>
    name === 'otel.sdk.processor.span.processed' ? processed : meter.createCounter(name);
  return { getMeter: () => Object.assign(Object.create(meter) as typeof meter, { createCounter }) };
}
