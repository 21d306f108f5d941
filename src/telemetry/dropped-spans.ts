// Spans that do not reach the collector, counted by what became of them. Beside them there are only those
// that a thread held which was lost.
import type { MeterProvider } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import type { OtelSdk } from './otel-sdk.js';

const REASONS = [
  /** More ended than the exporter sent, so the queue was full (OTEL_BSP_MAX_QUEUE_SIZE). */
  'queue_full',
  /** The collector answered with an error status, or took a part only. */
  'refused',
  /** It did not answer in time (OTEL_EXPORTER_OTLP_TIMEOUT). */
  'timeout',
  /** There was no connection to it. */
  'unreachable',
  /** They were not sent by the time that a thread has at its end. */
  'shutdown',
] as const;
export type DropReason = (typeof REASONS)[number];

/** @returns what counts them: each reason is 0 before it first happens, not absent */
export function droppedSpans(recorder: Recorder): (reason: DropReason, spans: number) => void {
  const counters = new Map<DropReason, Counter>(
    REASONS.map((reason) => [reason, recorder.counter('multilane_spans_dropped_total', { reason })]),
  );
  return (reason, spans) => counters.get(reason)!.add(spans);
}

type Dropped = ReturnType<typeof droppedSpans>;
type Exported = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/** An exporter that counts what it could not export. */
export class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #dropped: Dropped;
  /** Batches that are under way, by how many spans they have. */
  readonly #sending = new Map<object, number>();

  constructor(exporter: SpanExporter, dropped: Dropped) {
    this.#exporter = exporter;
    this.#dropped = dropped;
  }

  export(spans: ReadableSpan[], done: (result: Exported) => void): void {
    const batch = {};
    this.#sending.set(batch, spans.length);
    this.#exporter.export(spans, (result) => {
      const isKnown = this.#sending.delete(batch);
      if (isKnown && result.code !== SUCCESS) this.#dropped(reasonOf(result.error), spans.length);
      done(result);
    });
  }

  /** Gives up what is under way. What becomes of it later is not counted again. */
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

function reasonOf(error: Error | undefined): DropReason {
  // The collector's own status; a status that may be repeated is one of these once the time is over.
  if (error?.name === 'OTLPExporterError') return 'refused';
  // The second: thirty batches are under way, and none of them gets an answer.
  return /timed out|export limit reached/i.test(error?.message ?? '') ? 'timeout' : 'unreachable';
}

/**
 * What the SDK's queue drops, it counts for its own metrics alone.
 * @returns what has to be its `selfObsMeterProvider`
 * @see https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/#metric-otelsdkprocessorspanprocessed
 */
export function queueMeter({ createNoopMeter }: OtelSdk['api'], dropped: Dropped): MeterProvider {
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
