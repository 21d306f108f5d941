// Exports the log lines of all threads by OTLP, from the primary. Each thread leaves its lines in a ring of
// 128 KiB (exported-log-sink.ts), which is the queue: while the collector is slow or down, the rings fill,
// and further lines are dropped and counted by the threads. What ended threads have left is kept up to a
// bound, the latest lines. Nothing waits for the collector.
import { setImmediate as turn } from 'node:timers/promises';
import type { IExportLogsServiceResponse } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { OtlpExportSettings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Every } from '../grouped-interval.js';
import { newRingMemory, type RingMemory, RingReader } from '../memory/line-ring.js';
import { coalesced } from './coalesced.js';
import type { Encoding } from './otlp-connection.js';
import { logRecordOf } from './otlp-log-record.js';
import type { OtlpSdk } from './otlp-sdk.js';
import { type CountItems, LAST_EXPORT, OtlpSender } from './otlp-sender.js';

/** How often the rings are read, in milliseconds: a thread may log about 1,600 usual lines a second. */
const EVERY_MS = 250;
/** Lines in one request: one or two milliseconds of work. */
export const LINES_PER_REQUEST = 64;
/** The bytes of lines that are kept of ended threads: 32 full rings. The oldest ones are dropped first. */
const MOST_ENDED_BYTES = 4 << 20;
const NO_LINES = Buffer.alloc(0);

export interface LogsExportOptions {
  readonly sdk: OtlpSdk;
  readonly resource: Resource;
  readonly target: OtlpExportSettings;
  readonly dropped: CountItems;
  readonly log: ConstructorParameters<typeof OtlpSender>[3]['log'];
  readonly every: Every;
}

/** The log of one thread on its way to the collector. */
export interface ExportedLog {
  readonly memory: RingMemory;
  /** Call when the thread has ended. The lines that are still in its ring are exported. */
  close(): void;
}

/** The lines of all threads. Rings exist before the export begins, because threads log from their start. */
export class ExportedLogs {
  readonly #rings = new Set<RingReader>();
  /** What ended threads have left, the oldest first. */
  readonly #ended: Buffer[] = [];
  #endedBytes = 0;
  #dropped = 0;

  open(): ExportedLog {
    const memory = newRingMemory();
    const ring = new RingReader(memory);
    this.#rings.add(ring);
    return {
      memory,
      close: () => {
        if (this.#rings.delete(ring)) this.#keep(ring.take());
      },
    };
  }

  /** The lines that were logged since the last call, one thread after the other. */
  *take(): Generator<string> {
    for (let left = this.#ended.length; left > 0; left--) yield* linesOf(this.#oldest());
    for (const ring of [...this.#rings]) yield* linesOf(ring.take());
  }

  /** How many lines of ended threads were dropped since the last call, because there were too many. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  #keep(lines: Buffer): void {
    if (lines.length === 0) return;
    this.#ended.push(lines);
    this.#endedBytes += lines.length;
    while (this.#endedBytes > MOST_ENDED_BYTES) this.#dropped += linesOf(this.#oldest()).length;
  }

  #oldest(): Buffer {
    const lines = this.#ended.shift() ?? NO_LINES;
    this.#endedBytes -= lines.length;
    return lines;
  }
}

const linesOf = (bytes: Buffer): readonly string[] =>
  bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '');

export class LogsExport {
  readonly #logs: ExportedLogs;
  readonly #options: LogsExportOptions;
  readonly #sender: OtlpSender<ReadableLogRecord[], IExportLogsServiceResponse>;
  readonly #stop: () => void;

  constructor(logs: ExportedLogs, options: LogsExportOptions) {
    const { sdk, target, dropped, log, every } = options;
    this.#logs = logs;
    this.#options = options;
    const deps = { dropped, log };
    this.#sender = new OtlpSender(sdk, { ...target, signal: 'logs' }, encodingOf(sdk, target.protocol), deps);
    this.#stop = every(EVERY_MS, () => {
      this.#countDropped();
      void this.exportNow();
    });
  }

  /** Exports the lines in all rings. An export that is under way is not repeated. Never rejects. */
  readonly exportNow: () => Promise<void> = coalesced(() => this.#export());

  /** Exports the last lines, within a second. Never rejects. @param countdown time that is left */
  async close(countdown: Pick<Countdown, 'ends'>): Promise<void> {
    this.#stop();
    this.#countDropped();
    // An export that is under way may have passed the ring of a line that was logged since.
    const last = this.exportNow().then(() => this.exportNow());
    await countdown.ends(last, LAST_EXPORT);
    this.#sender.abandon();
  }

  #countDropped(): void {
    const lines = this.#logs.takeDropped();
    if (lines > 0) this.#options.dropped('queue_full', lines);
  }

  async #export(): Promise<void> {
    let records: ReadableLogRecord[] = [];
    const { resource, dropped } = this.#options;
    for (const line of this.#logs.take()) {
      const record = logRecordOf(line, resource, Date.now());
      if (record === undefined) dropped('unreadable', 1);
      else records.push(record);
      if (records.length < LINES_PER_REQUEST) continue;
      const full = records;
      records = [];
      await this.#sender.send(full, full.length);
      await turn();
    }
    if (records.length > 0) await this.#sender.send(records, records.length);
  }
}

function encodingOf(
  { transformer }: OtlpSdk,
  protocol: OtlpExportSettings['protocol'],
): Encoding<ReadableLogRecord[], IExportLogsServiceResponse> {
  const { JsonLogsSerializer, ProtobufLogsSerializer, LogsExporterMetricsHelper } = transformer;
  return {
    serializer: protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer,
    helper: LogsExporterMetricsHelper,
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedLogRecords ?? 0),
  };
}
