// Exports the metrics of the whole process by OTLP, from the primary: they are read from shared memory, so no
// worker takes part. Values are cumulative since the start of the process, so an export that fails loses
// nothing that the next one does not bring.
import type { IExportMetricsServiceResponse } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { OtlpExportSettings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Every } from '../grouped-interval.js';
import { gatherFamilies, type MetricSource } from './metric-families.js';
import { type JoinedEncoding, type JoinedRequest, joinedEncoding } from './otlp-joined-request.js';
import { type MetricPart, metricParts } from './otlp-metrics.js';
import type { OtlpSdk } from './otlp-sdk.js';
import { type CountItems, type Dropped, LAST_EXPORT, OtlpSender } from './otlp-sender.js';
import { ownTurn } from './pace.js';
import { processSource } from './process-source.js';
import { wallStart } from './wall-start.js';

/**
 * Series in one request. Few of them are lost when a collector refuses one, and a collector may be far away.
 */
export const SERIES_PER_REQUEST = 64;

export interface MetricsExportOptions {
  readonly sdk: OtlpSdk;
  readonly sources: readonly MetricSource[];
  readonly resource: Resource;
  readonly target: OtlpExportSettings & { readonly intervalMs: number };
  readonly dropped: CountItems;
  readonly log: ConstructorParameters<typeof OtlpSender>[3]['log'];
  readonly every: Every;
}

export class MetricsExport {
  readonly #options: MetricsExportOptions;
  readonly #encoding: JoinedEncoding<ResourceMetrics, IExportMetricsServiceResponse>;
  readonly #sender: OtlpSender<JoinedRequest, IExportMetricsServiceResponse>;
  readonly #sources: readonly MetricSource[];
  readonly #stop: () => void;
  readonly #since = wallStart(performance.timeOrigin);
  #running: Promise<void> | undefined;
  #isClosing = false;

  constructor(options: MetricsExportOptions) {
    const { sdk, target, dropped, log, every, sources } = options;
    this.#options = options;
    this.#sources = [...sources, processSource()];
    const deps = { dropped, log };
    this.#encoding = encodingOf(sdk, target.protocol);
    this.#sender = new OtlpSender(sdk, { ...target, signal: 'metrics' }, this.#encoding, deps);
    this.#stop = every(target.intervalMs, () => void this.exportNow());
  }

  /** Exports all metrics. An export that is under way is not repeated. Never rejects. */
  exportNow(): Promise<void> {
    this.#running ??= this.#export().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Exports the last values, within a second. Never rejects. @param countdown time that is left */
  async close(countdown: Pick<Countdown, 'ends'>): Promise<void> {
    this.#stop();
    await countdown.ends(this.#exportLast(), LAST_EXPORT);
    this.#sender.abandon();
  }

  /** An export that is under way has read older values: it ends early, and all values are read anew. */
  async #exportLast(): Promise<void> {
    this.#isClosing = true;
    await this.#running;
    this.#isClosing = false;
    await this.exportNow();
  }

  async #export(): Promise<void> {
    const { sdk, resource, log, dropped } = this.#options;
    try {
      const families = await gatherFamilies(this.#sources);
      const at = Date.now();
      const frame = { resource, since: this.#since(at, performance.now()), at };
      let failure: Dropped | undefined;
      let [parts, points]: [Uint8Array[], number] = [[], 0];
      const send = async (): Promise<void> => {
        if (points > 0) failure = await this.#sender.send({ parts, items: points }, points);
        [parts, points] = [[], 0];
      };
      for (const part of metricParts(sdk, families, frame)) {
        if (this.#isClosing) return;
        // Without a final reply to one request, the others would wait for the same collector.
        if (failure?.isWorthless) dropped(failure.reason, part.points);
        const written = failure?.isWorthless ? undefined : this.#write(part);
        if (written !== undefined) {
          parts.push(written);
          points += part.points;
        }
        await ownTurn();
        if (points >= SERIES_PER_REQUEST) await send();
      }
      await send();
    } catch (error) {
      log.warn({ err: error }, 'metrics could not be read for their export; the next one reads them anew');
    }
  }

  /** @returns undefined when the part cannot be written */
  #write({ request, points }: MetricPart): Uint8Array | undefined {
    try {
      return this.#encoding.write(request);
    } catch (error) {
      this.#sender.unreadable(points, error);
      return undefined;
    }
  }
}

function encodingOf({ transformer }: OtlpSdk, protocol: OtlpExportSettings['protocol']) {
  const { JsonMetricsSerializer, ProtobufMetricsSerializer, MetricsExporterMetricsHelper } = transformer;
  return joinedEncoding<ResourceMetrics, IExportMetricsServiceResponse>({
    protocol,
    serializer: protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer,
    list: 'resourceMetrics',
    helper: MetricsExporterMetricsHelper,
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedDataPoints ?? 0),
  });
}
