// Exports metrics and logs by OTLP, as the settings OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER say. Both
// are exported from the primary, once for the whole process.
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Every } from '../grouped-interval.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { type ExportedLogs, LogsExport } from '../telemetry/logs-export.js';
import type { MetricSource } from '../telemetry/metric-families.js';
import { MetricsExport } from '../telemetry/metrics-export.js';
import { otelResource } from '../telemetry/otel-resource.js';
import { loadOtlpSdk } from '../telemetry/otlp-sdk.js';
import { droppedItems } from '../telemetry/otlp-sender.js';
import type { BootState } from './boot-state.js';
import type { Base } from './steps/open-shared-memory.js';

export interface OtlpExportDeps {
  readonly settings: Pick<Settings, 'otel'>;
  readonly instanceId: string;
  readonly recorder: Recorder;
  readonly log: Logger;
  readonly every: Every;
  /** The rings of the threads; undefined when logs are not exported. */
  readonly logs: ExportedLogs | undefined;
}

export class OtlpExport {
  readonly #deps: OtlpExportDeps;
  readonly #logs: LogsExport | undefined;
  #metrics: MetricsExport | undefined;

  /** Begins to export logs, if the settings say so. */
  constructor(deps: OtlpExportDeps) {
    this.#deps = deps;
    const { logs, settings, recorder, log, every } = deps;
    const target = settings.otel.logs;
    if (target === undefined || logs === undefined) return;
    const dropped = droppedItems(recorder, 'logs');
    this.#logs = new LogsExport(logs, { ...this.#common(), target, dropped, log, every });
  }

  /** Begins to export metrics, if the settings say so. A second call changes nothing. */
  exportMetrics(sources: readonly MetricSource[]): void {
    const { settings, recorder, log, every } = this.#deps;
    const target = settings.otel.metrics;
    if (target === undefined || this.#metrics !== undefined) return;
    const dropped = droppedItems(recorder, 'metrics');
    this.#metrics = new MetricsExport({ ...this.#common(), sources, target, dropped, log, every });
  }

  /** Exports the last values and lines, within a second. Never rejects. @param countdown time that is left */
  async close(countdown: Pick<Countdown, 'ends'>): Promise<void> {
    await Promise.all([this.#metrics?.close(countdown), this.#logs?.close(countdown)]);
  }

  #common() {
    const { settings, instanceId } = this.#deps;
    const sdk = loadOtlpSdk();
    return { sdk, resource: otelResource(sdk.resources, settings.otel, instanceId) };
  }
}

/** Begins the export, which ends with the process. */
export function startExport(
  { every, lifecycle }: Pick<BootState, 'every' | 'lifecycle'>,
  base: Pick<Base, 'settings' | 'instanceId' | 'sharedState' | 'output' | 'log'>,
): OtlpExport {
  const { settings, instanceId, sharedState, output, log } = base;
  const { recorder } = sharedState;
  const otlp = new OtlpExport({ settings, instanceId, recorder, log, every, logs: output.exported });
  // A collector that does not respond must not turn an orderly end into a failure: the export limits itself,
  // whatever the parts before it have left of the time that parts share.
  lifecycle.defer('OTLP export', (countdown) => otlp.close(countdown), 0);
  return otlp;
}
