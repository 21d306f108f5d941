// Sends the finished spans of a thread to the collector in batches, and counts those that do not reach it, by
// reason. Only the spans that a crashed thread held are not counted. A batch ends within its time, whatever
// the collector does, so one that hangs keeps no later one from being sent.
import type { IExportTraceServiceResponse } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { OtlpExportSettings } from '../config.js';
import { type CountDropped, dropReasonOf } from './dropped-spans.js';
import type { OtelSdk } from './otel-sdk.js';
import { type Encoding, OtlpConnection, type OtlpReply, rejectedOf } from './otlp-connection.js';
import { toError } from './to-error.js';

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];
/** `ExportResultCode` of @opentelemetry/core. */
const SUCCESS: ExportResult['code'] = 0;
const FAILED: ExportResult['code'] = 1;

/**
 * Batches that are sent at the same time. The SDK sends one after another, but all that wait when a thread
 * ends, and the next one when it no longer waits for a batch (OTEL_BSP_EXPORT_TIMEOUT).
 */
const MOST_AT_ONCE = 30;

type TraceConnection = OtlpConnection<ReadableSpan[], IExportTraceServiceResponse>;

/** A batch that is being sent. */
interface Batch {
  readonly spans: number;
  readonly result: Promise<ExportResult>;
}

export class TraceExporter implements SpanExporter {
  readonly #connect: () => TraceConnection;
  readonly #dropped: CountDropped;
  readonly #sending = new Map<TraceConnection, Batch>();
  /** The connection of an earlier batch, for the next one. */
  #idle: TraceConnection | undefined;

  constructor(
    sdk: Pick<OtelSdk, 'http' | 'transformer'>,
    settings: OtlpExportSettings,
    dropped: CountDropped,
  ) {
    const encoding = encodingOf(sdk, settings.protocol);
    this.#connect = () => new OtlpConnection(sdk, { ...settings, signal: 'traces' }, encoding);
    this.#dropped = dropped;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    if (this.#sending.size === MOST_AT_ONCE) {
      this.#dropped('timeout', spans.length);
      done({ code: FAILED, error: new Error(`${MOST_AT_ONCE} batches of spans wait for the collector`) });
      return;
    }
    const connection = this.#idle ?? this.#connect();
    this.#idle = undefined;
    const result = this.#result(connection, spans.length, connection.send(spans));
    this.#sending.set(connection, { spans: spans.length, result });
    void result.then(done);
  }

  /** Waits for the batches that are being sent. */
  async forceFlush(): Promise<void> {
    await Promise.all([...this.#sending.values()].map(({ result }) => result));
  }

  shutdown(): Promise<void> {
    return this.forceFlush();
  }

  /** Counts all batches that are being sent as dropped, and closes all connections. */
  abandon(): void {
    const ending = new Error('the thread ends');
    for (const [connection, { spans }] of this.#sending) {
      this.#dropped('shutdown', spans);
      connection.abort(ending);
    }
    this.#sending.clear();
    this.#idle?.abort(ending);
    this.#idle = undefined;
  }

  async #result(
    connection: TraceConnection,
    spans: number,
    reply: Promise<OtlpReply>,
  ): Promise<ExportResult> {
    const { error, rejected } = await reply.catch((thrown: unknown) => ({
      error: toError(thrown),
      rejected: 0,
    }));
    // A batch that was abandoned is counted already.
    if (this.#sending.delete(connection)) {
      if (error === undefined) this.#dropped('refused', rejectedOf(rejected, spans));
      else this.#dropped(dropReasonOf(error), spans);
      this.#release(connection);
    }
    return error === undefined ? { code: SUCCESS } : { code: FAILED, error };
  }

  #release(connection: TraceConnection): void {
    if (!connection.isOpen) return;
    if (this.#idle === undefined) this.#idle = connection;
    else connection.abort(new Error('another connection is kept'));
  }
}

function encodingOf(
  { transformer }: Pick<OtelSdk, 'transformer'>,
  protocol: OtlpExportSettings['protocol'],
): Encoding<ReadableSpan[], IExportTraceServiceResponse> {
  const { JsonTraceSerializer, ProtobufTraceSerializer, TraceExporterMetricsHelper } = transformer;
  return {
    serializer: protocol === 'http/json' ? JsonTraceSerializer : ProtobufTraceSerializer,
    helper: TraceExporterMetricsHelper,
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedSpans ?? 0),
  };
}
