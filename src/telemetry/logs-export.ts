// Exports the log lines of all threads by OTLP, from the primary. Each thread leaves its lines in a ring of
// 128 KiB (exported-log-sink.ts), which is the queue: while the collector is slow or down, the rings fill,
// and further lines are dropped and counted by the threads. What ended threads have left is kept up to a
// bound, the latest lines. Nothing waits for the collector. One request is sent at a time, so the more lines
// wait, the more of them are in a request: a collector may be far away.
import type { IExportLogsServiceResponse } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { OtlpExportSettings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Every } from '../grouped-interval.js';
import { newRingMemory, type RingMemory, RingReader } from '../memory/line-ring.js';
import { coalescedAfresh } from './coalesced.js';
import { type JoinedEncoding, type JoinedRequest, joinedEncoding } from './otlp-joined-request.js';
import { logRecordOf } from './otlp-log-record.js';
import type { OtlpSdk } from './otlp-sdk.js';
import { type CountItems, LAST_EXPORT, OtlpSender } from './otlp-sender.js';
import { ownTurn } from './pace.js';

/** How often the rings are read, in milliseconds: a thread may log about 1,600 usual lines a second. */
const EVERY_MS = 250;
/** Lines that are written in one turn of the event loop: one or two milliseconds of work. */
const LINES_PER_TURN = 64;
/** Characters of these lines: one with 2,000 values takes two milliseconds, and has some thousands. */
const LENGTH_PER_TURN = 8 * 1024;
/** A request that has this number of bytes is sent before more lines are read. */
export const REQUEST_BYTES = 512 * 1024;
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
  readonly #encoding: JoinedEncoding<ReadableLogRecord[], IExportLogsServiceResponse>;
  readonly #sender: OtlpSender<JoinedRequest, IExportLogsServiceResponse>;
  readonly #stop: () => void;

  constructor(logs: ExportedLogs, options: LogsExportOptions) {
    const { sdk, target, dropped, log, every } = options;
    this.#logs = logs;
    this.#options = options;
    const deps = { dropped, log };
    this.#encoding = encodingOf(sdk, target.protocol);
    this.#sender = new OtlpSender(sdk, { ...target, signal: 'logs' }, this.#encoding, deps);
    this.#stop = every(EVERY_MS, () => {
      this.#countDropped();
      void this.exportNow();
    });
  }

  /**
   * Exports the lines in all rings, after an export that is under way: that one may have passed the ring of a
   * line that was logged since. Never rejects.
   */
  readonly exportNow: () => Promise<void> = coalescedAfresh(() => this.#export());

  /** Exports the last lines, within a second. Never rejects. @param countdown time that is left */
  async close(countdown: Pick<Countdown, 'ends'>): Promise<void> {
    this.#stop();
    this.#countDropped();
    await countdown.ends(this.exportNow(), LAST_EXPORT);
    this.#sender.abandon();
  }

  #countDropped(): void {
    const lines = this.#logs.takeDropped();
    if (lines > 0) this.#options.dropped('queue_full', lines);
  }

  async #export(): Promise<void> {
    let parts: Uint8Array[] = [];
    let [lines, bytes] = [0, 0];
    for (const records of this.#recordsByTurn()) {
      const part = this.#write(records);
      if (part !== undefined) {
        parts.push(part);
        lines += records.length;
        bytes += part.length;
      }
      if (bytes >= REQUEST_BYTES) {
        await this.#sender.send({ parts, items: lines }, lines);
        parts = [];
        lines = 0;
        bytes = 0;
      }
      await ownTurn();
    }
    if (lines > 0) await this.#sender.send({ parts, items: lines }, lines);
  }

  /** The records of all lines, as many at a time as are written in one turn. */
  *#recordsByTurn(): Generator<ReadableLogRecord[]> {
    const { resource, dropped } = this.#options;
    let records: ReadableLogRecord[] = [];
    let [lines, length] = [0, 0];
    for (const line of this.#logs.take()) {
      if (lines === LINES_PER_TURN || (lines > 0 && length + line.length > LENGTH_PER_TURN)) {
        yield records;
        records = [];
        [lines, length] = [0, 0];
      }
      lines += 1;
      length += line.length;
      const record = logRecordOf(line, resource, Date.now());
      if (record === undefined) dropped('unreadable', 1);
      else records.push(record);
    }
    if (records.length > 0) yield records;
  }

  /** @returns undefined when there is none that can be written */
  #write(records: ReadableLogRecord[]): Uint8Array | undefined {
    if (records.length === 0) return undefined;
    try {
      return this.#encoding.write(records);
    } catch (error) {
      this.#sender.unreadable(records.length, error);
      return undefined;
    }
  }
}

function encodingOf({ transformer }: OtlpSdk, protocol: OtlpExportSettings['protocol']) {
  const { JsonLogsSerializer, ProtobufLogsSerializer } = transformer;
  return joinedEncoding<ReadableLogRecord[], IExportLogsServiceResponse>({
    protocol,
    serializer: protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer,
    list: 'resourceLogs',
    helper: { name: 'log' },
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedLogRecords ?? 0),
  });
}
