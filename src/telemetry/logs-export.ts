// Exports the log lines of all threads by OTLP, from the primary. Each thread leaves its lines in a ring of
// 128 KiB (exported-log-sink.ts), which is the queue: while the collector is slow or down, the rings fill,
// and further lines are dropped and counted by the threads. Nothing waits for the collector.
import { setImmediate as turn } from 'node:timers/promises';
import type { IExportLogsServiceResponse } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { Countdown } from '../countdown.js';
import type { Every } from '../grouped-interval.js';
import { newRingMemory, type RingMemory, RingReader } from '../memory/line-ring.js';
import { coalesced } from './coalesced.js';
import type { Encoding, OtlpProtocol } from './otlp-connection.js';
import { logRecordOf } from './otlp-log-record.js';
import type { OtlpSdk } from './otlp-sdk.js';
import { type CountItems, LAST_EXPORT, OtlpSender } from './otlp-sender.js';

/** How often the rings are read, in milliseconds: a thread may log about 1,600 usual lines a second. */
const EVERY_MS = 250;
/** Lines in one request: one or two milliseconds of work. */
export const LINES_PER_REQUEST = 64;

export interface LogsExportOptions {
  readonly sdk: OtlpSdk;
  readonly resource: Resource;
  readonly target: {
    readonly endpoint: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly protocol: OtlpProtocol;
  };
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

interface Source {
  readonly reader: RingReader;
  isClosed: boolean;
}

/** The rings of all threads. They exist before the export begins, because threads log from their start. */
export class ExportedLogs {
  readonly #sources = new Set<Source>();

  open(): ExportedLog {
    const memory = newRingMemory();
    const source: Source = { reader: new RingReader(memory), isClosed: false };
    this.#sources.add(source);
    return {
      memory,
      close: () => {
        source.isClosed = true;
      },
    };
  }

  /** The lines that were logged since the last call, one thread after the other. */
  *take(): Generator<string> {
    for (const source of [...this.#sources]) {
      const { isClosed } = source;
      const lines = source.reader.take().toString().split('\n');
      if (isClosed) this.#sources.delete(source);
      for (const line of lines) if (line !== '') yield line;
    }
  }
}

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
    this.#stop = every(EVERY_MS, () => void this.exportNow());
  }

  /** Exports the lines in all rings. An export that is under way is not repeated. Never rejects. */
  readonly exportNow: () => Promise<void> = coalesced(() => this.#export());

  /** Exports the last lines, within a second. Never rejects. @param countdown time that is left */
  async close(countdown: Pick<Countdown, 'ends'>): Promise<void> {
    this.#stop();
    // An export that is under way may have passed the ring of a line that was logged since.
    const last = this.exportNow().then(() => this.exportNow());
    await countdown.ends(last, LAST_EXPORT);
    this.#sender.abandon();
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
  protocol: OtlpProtocol,
): Encoding<ReadableLogRecord[], IExportLogsServiceResponse> {
  const { JsonLogsSerializer, ProtobufLogsSerializer, LogsExporterMetricsHelper } = transformer;
  return {
    serializer: protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer,
    helper: LogsExporterMetricsHelper,
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedLogRecords ?? 0),
  };
}
