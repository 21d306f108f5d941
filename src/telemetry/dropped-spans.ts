// The reasons for which spans do not reach the collector, and their counters.
import type { MeterProvider } from '@opentelemetry/api';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import type { OtelSdk } from './otel-sdk.js';

const REASONS = [
  /** The queue was full, because more spans ended than the exporter sent (OTEL_BSP_MAX_QUEUE_SIZE). */
  'queue_full',
  /** The collector replied with an error status, or accepted only a part of a batch. */
  'refused',
  /** The collector did not accept them in time (OTEL_EXPORTER_OTLP_TIMEOUT), or too many batches waited. */
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

export type CountDropped = ReturnType<typeof droppedSpans>;

/** Why an export has failed, by the error of the package that sends. */
export function dropReasonOf(error: Error | undefined): DropReason {
  // The collector replied with an error status. The exporter reports a retryable one after its last retry.
  if (error?.name === 'OTLPExporterError') return 'refused';
  return /timed out/i.test(error?.message ?? '') ? 'timeout' : 'unreachable';
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
