// Exports the metrics of the whole process by OTLP, from the primary: they are read from shared memory, so no
// worker takes part. Values are cumulative since the start of the process, so an export that fails loses
// nothing that the next one does not bring.
import { setImmediate as turn } from 'node:timers/promises';
import type { IExportMetricsServiceResponse } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Every } from '../grouped-interval.js';
import { coalesced } from './coalesced.js';
import { gatherFamilies, type MetricSource } from './metric-families.js';
import type { Encoding, OtlpProtocol } from './otlp-connection.js';
import { metricRequests } from './otlp-metrics.js';
import type { OtlpSdk } from './otlp-sdk.js';
import { type CountItems, type Dropped, OtlpSender } from './otlp-sender.js';
import { processSource } from './process-source.js';

/** Milliseconds that the end of the process waits at most for the last export. */
const LAST_EXPORT_MS = 1_000;

export interface MetricsExportOptions {
  readonly sdk: OtlpSdk;
  readonly sources: readonly MetricSource[];
  readonly resource: Resource;
  readonly target: {
    readonly endpoint: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly protocol: OtlpProtocol;
    readonly intervalMs: number;
  };
  readonly dropped: CountItems;
  readonly log: ConstructorParameters<typeof OtlpSender>[3]['log'];
  readonly every: Every;
}

export class MetricsExport {
  readonly #options: MetricsExportOptions;
  readonly #sender: OtlpSender<ResourceMetrics, IExportMetricsServiceResponse>;
  readonly #sources: readonly MetricSource[];
  readonly #stop: () => void;

  constructor(options: MetricsExportOptions) {
    const { sdk, target, dropped, log, every, sources } = options;
    this.#options = options;
    this.#sources = [...sources, processSource()];
    const deps = { dropped, log };
    this.#sender = new OtlpSender(
      sdk,
      { ...target, signal: 'metrics' },
      encodingOf(sdk, target.protocol),
      deps,
    );
    this.#stop = every(target.intervalMs, () => void this.exportNow());
  }

  /** Exports all metrics. An export that is under way is not repeated. Never rejects. */
  readonly exportNow: () => Promise<void> = coalesced(() => this.#export());

  /** Exports the last values, within a second. */
  async close(): Promise<void> {
    this.#stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_EXPORT_MS);
    });
    await Promise.race([this.exportNow(), late]);
    clearTimeout(timer);
    this.#sender.abandon();
  }

  async #export(): Promise<void> {
    const { sdk, resource, log, dropped } = this.#options;
    try {
      const families = await gatherFamilies(this.#sources);
      const frame = { resource, since: performance.timeOrigin, at: Date.now() };
      let failure: Dropped | undefined;
      for (const { request, points } of metricRequests(sdk, families, frame)) {
        // Without a final reply to one request, the others would wait for the same collector.
        if (failure?.isWorthless) dropped(failure.reason, points);
        else failure = await this.#sender.send(request, points);
        await turn();
      }
    } catch (error) {
      log.warn({ err: error }, 'metrics could not be read for their export');
    }
  }
}

function encodingOf(
  { transformer }: OtlpSdk,
  protocol: OtlpProtocol,
): Encoding<ResourceMetrics, IExportMetricsServiceResponse> {
  const { JsonMetricsSerializer, ProtobufMetricsSerializer, MetricsExporterMetricsHelper } = transformer;
  return {
    serializer: protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer,
    helper: MetricsExporterMetricsHelper,
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedDataPoints ?? 0),
  };
}
