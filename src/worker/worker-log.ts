// The log of one worker. Its level is in shared memory, so that an operator's change holds for the next line.
import type { Logger } from 'pino';
import type { WorkerBoot } from '../cluster/messages.js';
import type { Block } from '../memory/block.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { Switches } from '../memory/switches.js';
import { exportedSink } from '../telemetry/exported-log-sink.js';
import { createLogger } from '../telemetry/log.js';
import { ringSink, stdoutSink } from '../telemetry/log-sink.js';
import { droppedItems } from '../telemetry/otlp-sender.js';

export interface WorkerLog {
  readonly log: Logger;
  /**
   * Counts the lines that are dropped from now on. The log exists before the metrics, so lines that are
   * dropped earlier are not counted.
   */
  readonly countDropped: (recorder: Recorder) => void;
}

export function openWorkerLog(
  { settings, worker, logMemory, exportedLog }: WorkerBoot,
  block: Block,
): WorkerLog {
  const switches = new Switches(block);
  let count = (): void => undefined;
  const lineDropped = (): void => count();
  let countUnexported = (): void => undefined;
  const written = logMemory === undefined ? stdoutSink(lineDropped) : ringSink(logMemory, lineDropped);
  const sink =
    exportedLog === undefined ? written : exportedSink(written, exportedLog, () => countUnexported());
  return {
    log: createLogger(settings, { worker }, sink, () => switches.logLevel),
    countDropped(recorder) {
      const counter = recorder.counter('multilane_log_lines_dropped_total');
      count = () => counter.add();
      if (exportedLog === undefined) return;
      const dropped = droppedItems(recorder, 'logs');
      countUnexported = () => dropped('queue_full', 1);
    },
  };
}
