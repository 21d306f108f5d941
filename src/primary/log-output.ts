// Where the logs of this process go, of the primary and of its threads.
import cluster from 'node:cluster';
import type { Settings } from '../config.js';
import { LogBatches, type ThreadLog } from '../telemetry/log-batches.js';
import { type LogSink, ringSink, stdoutSink } from '../telemetry/log-sink.js';

export interface LogOutput {
  readonly sink: LogSink;
  /** For a thread that cannot write standard output itself; undefined where it can. */
  openThreadLog(): ThreadLog | undefined;
  /** What has been logged is out, as far as somebody takes it. */
  close(): Promise<void>;
}

/** @param dropped called for each line that is lost */
export function logOutput({ pmId }: Pick<Settings, 'pmId'>, dropped: () => void): LogOutput {
  // In pm2's fork mode, and in a process that merely inherits the environment of one, standard output is a
  // pipe like any.
  if (!cluster.isWorker || pmId === null) {
    return {
      sink: stdoutSink(dropped),
      openThreadLog: () => undefined,
      close: () => Promise.resolve(),
    };
  }
  const batches = new LogBatches((text, done) => process.stdout.write(text, 'utf8', () => done()));
  const sink = ringSink(batches.open().memory, dropped);
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
      // What did not fit beside the lines that were there.
      sink.flush();
      await batches.close();
    },
  };
}
