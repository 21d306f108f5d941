// Passes the finished spans of the OpenTelemetry SDK on to the log of spans of this process, beside the
// exporter.
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { AttributeValue, SpanKind } from './span.js';
import type { SpanLog } from './span-log.js';

/** `SpanKind` of @opentelemetry/api: internal, server, client. */
const KINDS: readonly SpanKind[] = ['internal', 'server', 'client'];

export class SpanLogProcessor implements SpanProcessor {
  readonly #log: SpanLog;

  constructor(log: SpanLog) {
    this.#log = log;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const [seconds, nanoseconds] = span.duration;
    const durationMs = seconds * 1000 + nanoseconds / 1e6;
    const { traceId, spanId } = span.spanContext();
    const error = span.attributes['error.type'];
    this.#log.add({
      traceId,
      spanId,
      parentSpanId: span.parentSpanContext?.spanId,
      name: span.name,
      kind: KINDS[span.kind] ?? 'internal',
      begunAt: Math.max(0, this.#log.clock() - durationMs),
      durationMs,
      errorType: typeof error === 'string' ? error : undefined,
      message: span.status.message,
      attributes: span.attributes as Readonly<Record<string, AttributeValue>>,
      links: span.links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId })),
    });
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
