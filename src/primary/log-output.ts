// The output of the log lines of the primary and of its threads. In the cluster mode of pm2 only the primary
// can write standard output. There all threads leave their lines in shared memory, and the primary writes
// them.
import cluster from 'node:cluster';
import type { Settings } from '../config.js';
import { LogBatches, type ThreadLog } from '../telemetry/log-batches.js';
import { type LogSink, ringSink, stdoutSink } from '../telemetry/log-sink.js';

export interface LogOutput {
  readonly sink: LogSink;
  /** Memory for the lines of a thread that cannot write standard output itself; undefined where it can. */
  openThreadLog(): ThreadLog | undefined;
  /** Resolves when all lines are written, as far as the reader of standard output takes them. */
  close(): Promise<void>;
}

/** @param lineDropped called for each line that is lost */
export function logOutput({ pmId }: Pick<Settings, 'pmId'>, lineDropped: () => void): LogOutput {
  // In pm2's fork mode, and in a process that only inherits the environment of pm2, standard output is an
  // ordinary pipe, which every thread can write.
  if (!cluster.isWorker || pmId === null) {
    return {
      sink: stdoutSink(lineDropped),
      openThreadLog: () => undefined,
      close: () => Promise.resolve(),
    };
  }
  const batches = new LogBatches((text, done) => process.stdout.write(text, 'utf8', () => done()));
  const sink = ringSink(batches.open().memory, lineDropped);
  process.once('exit', () => {
    sink.flush();
    batches.flush();
  });
  return {
    sink,
    openThreadLog: () => batches.open(),
    async close() {
      sink.flush();
      await batches.close();
      // The first flush may have filled the ring. It has been emptied now, so the remaining lines find room.
      sink.flush();
      await batches.close();
    },
  };
}
