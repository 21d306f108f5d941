// The output of the log lines of the primary and of its threads. In the cluster mode of pm2 only the primary
// can write standard output. There all threads leave their lines in shared memory, and the primary writes
// them. A copy of each line goes to the collector when OTEL_LOGS_EXPORTER says so.
import cluster from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../config.js';
import type { RingMemory } from '../memory/line-ring.js';
import { exportedSink } from '../telemetry/exported-log-sink.js';
import { LogBatches, type ThreadLog } from '../telemetry/log-batches.js';
import { type LinesState, type LogSink, ringSink, stdoutSink } from '../telemetry/log-sink.js';
import { ExportedLogs } from '../telemetry/logs-export.js';

/** The longest wait for lines to be written: a batch counts as written after a second. */
const WRITTEN_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 20;

/** Where a thread leaves its log lines for the primary. */
export interface OpenThreadLog {
  /** Memory for lines that the primary writes; undefined: the thread writes them itself. */
  readonly memory: RingMemory | undefined;
  /** Memory for copies that the primary exports; undefined: lines are not exported. */
  readonly exported: RingMemory | undefined;
  /** Call when the thread has ended. The lines that are still in its rings are passed on. */
  close(): void;
}

export interface LogOutput {
  readonly sink: LogSink;
  /** The rings of lines to export; undefined when logs are not exported. */
  readonly exported: ExportedLogs | undefined;
  /** undefined when the thread needs the primary neither to write nor to export its lines. */
  openThreadLog(): OpenThreadLog | undefined;
  /**
   * Resolves when all lines that the primary has logged before this call are written.
   * @returns false when the reader of standard output does not take them within 2 s, or lines were lost
   */
  written(): Promise<boolean>;
  /** Resolves when all lines are written, as far as the reader of standard output takes them. */
  close(): Promise<void>;
}

/** Lines that are lost, by where they were to go. */
export interface LostLines {
  written(): void;
  exported(): void;
}

export function logOutput({ pmId, otel }: Pick<Settings, 'pmId' | 'otel'>, lost: LostLines): LogOutput {
  const exported = otel.logs === undefined ? undefined : new ExportedLogs();
  const written = writtenOutput(pmId, () => lost.written());
  const sink =
    exported === undefined
      ? written.sink
      : exportedSink(written.sink, exported.open().memory, () => lost.exported());
  return {
    sink,
    exported,
    openThreadLog() {
      const [toWrite, toExport] = [written.openThreadLog(), exported?.open()];
      if (toWrite === undefined && toExport === undefined) return undefined;
      return {
        memory: toWrite?.memory,
        exported: toExport?.memory,
        close() {
          toWrite?.close();
          toExport?.close();
        },
      };
    },
    written: () => areWritten(written.mark()),
    close: () => written.close(),
  };
}

async function areWritten(stateOf: () => LinesState): Promise<boolean> {
  const until = performance.now() + WRITTEN_WITHIN_MS;
  for (;;) {
    const state = stateOf();
    if (state !== 'waiting') return state === 'written';
    if (performance.now() >= until) return false;
    await delay(LOOK_EVERY_MS, undefined, { ref: false });
  }
}

interface WrittenOutput {
  readonly sink: LogSink;
  openThreadLog(): ThreadLog | undefined;
  /** @returns a function that tells what has become of the lines of the primary before this call */
  mark(): () => LinesState;
  close(): Promise<void>;
}

function writtenOutput(pmId: string | null, lineDropped: () => void): WrittenOutput {
  // In pm2's fork mode, and in a process that only inherits the environment of pm2, standard output is an
  // ordinary pipe, which every thread can write.
  if (!cluster.isWorker || pmId === null) {
    const sink = stdoutSink(lineDropped);
    return {
      sink,
      openThreadLog: () => undefined,
      mark: () => sink.mark(),
      close: () => Promise.resolve(),
    };
  }
  const batches = new LogBatches((text, done) => process.stdout.write(text, 'utf8', () => done()));
  const own = batches.open();
  const sink = ringSink(own.memory, lineDropped);
  process.once('exit', () => {
    sink.flush();
    batches.flush();
  });
  return {
    sink,
    openThreadLog: () => batches.open(),
    mark: () => {
      const inRing = sink.mark();
      let isWritten: (() => boolean) | undefined;
      return () => {
        const state = isWritten === undefined ? inRing() : 'written';
        if (state !== 'written') return state;
        isWritten ??= own.mark();
        return isWritten() ? 'written' : 'waiting';
      };
    },
    async close() {
      sink.flush();
      await batches.close();
      // The first flush may have filled the ring. It has been emptied now, so the remaining lines find room.
      sink.flush();
      await batches.close();
    },
  };
}
